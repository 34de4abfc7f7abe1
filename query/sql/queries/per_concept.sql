-- per_concept: retrieval metrics per concept that models were customized on; a view.
-- reads    per_sample, models
-- params   none
-- returns  encoder, mapper, case_name, split, scheme, concept_kind, concept, category, exemplars BIGINT (the
--          most that a model of it has), models BIGINT, samples BIGINT, recall_5, recall_10, recall_100, map
--          DOUBLE in [0, 1], means over samples
-- source   as per_sample
create or replace view per_concept as
select
    per_sample.encoder, per_sample.mapper, per_sample.case_name, per_sample.split, per_sample.scheme,
    models.concept_kind, models.concept, models.category,
    max(per_sample.exemplars) as exemplars,
    count(distinct per_sample.model_id) as models,
    count(*) as samples,
    avg(per_sample.recall_5) as recall_5,
    avg(per_sample.recall_10) as recall_10,
    avg(per_sample.recall_100) as recall_100,
    avg(per_sample.ap) as map
from per_sample
join models using (model_id)
group by all
