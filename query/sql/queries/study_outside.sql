-- study_outside: pictures that no model of the store drew, for the report of a study.
-- reads    samples
-- params   none
-- returns  sample_id, prompt, generator VARCHAR (may be null)
-- source   none: a selection of rows
select sample_id, prompt, generator
from samples
where model_id is null
order by sample_id
