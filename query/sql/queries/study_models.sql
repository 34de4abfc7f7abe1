-- study_models: the first models of a case, by id, for the pages of a study.
-- reads    models
-- params   $case_name, $split VARCHAR, $count BIGINT
-- returns  model_id, concept VARCHAR, exemplar_ids VARCHAR[]
-- source   none: a selection of rows
select model_id, concept, exemplar_ids
from models
where case_name = $case_name and coalesce(split, '') = $split
order by model_id
limit $count
