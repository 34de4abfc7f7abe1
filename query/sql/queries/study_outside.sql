-- study_outside: pictures that no model of the store drew, for the report of a study; without those of checks.
-- reads    samples
-- params   none
-- returns  sample_id, prompt, generator, uri VARCHAR (may be null but the first)
-- source   none: a selection of rows
select sample_id, prompt, generator, uri
from samples
where model_id is null and coalesce(scheme, '') not like 'check:%'
order by sample_id
