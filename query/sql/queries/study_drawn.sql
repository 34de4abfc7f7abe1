-- study_drawn: the samples of some models by scheme, for the pages of a study.
-- reads    samples
-- params   $model_ids VARCHAR[]
-- returns  model_id, sample_id, scheme, prompt VARCHAR ('' where there is none)
-- source   none: a selection of rows
select model_id, sample_id, coalesce(scheme, '') as scheme, coalesce(prompt, '') as prompt
from samples
where list_contains($model_ids, model_id)
order by model_id, scheme, seed, sample_id
