-- per_prompt: retrieval metrics per prompt, over all models that drew it; a view.
-- reads    per_sample, samples
-- params   none
-- returns  encoder, mapper, case_name, split, scheme, prompt, models BIGINT, samples BIGINT, recall_5,
--          recall_10, recall_100, map DOUBLE in [0, 1], means over samples
-- source   as per_sample
create or replace view per_prompt as
select
    per_sample.encoder, per_sample.mapper, per_sample.case_name, per_sample.split, per_sample.scheme,
    samples.prompt,
    count(distinct per_sample.model_id) as models,
    count(*) as samples,
    avg(per_sample.recall_5) as recall_5,
    avg(per_sample.recall_10) as recall_10,
    avg(per_sample.recall_100) as recall_100,
    avg(per_sample.ap) as map
from per_sample
join samples using (sample_id)
group by all
