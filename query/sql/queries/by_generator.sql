-- by_generator: retrieval of test models' samples, with the method and base that drew them.
-- reads    per_sample, models
-- params   none
-- returns  encoder, mapper, method, base_model ('unknown' where it is), learned BOOLEAN (whether models of the
--          split 'train' have both), exemplar_set, sample_id, pool_size BIGINT, recall_10 DOUBLE in [0, 1]; a
--          row a sample, encoder and mapper; controls, sets and models of checks are left out
-- source   arXiv:2306.09345 section 5; the question is not in the paper
with generators as (
    select
        model_id, method, coalesce(base_model, 'unknown') as base_model, concept_kind, split,
        bool_or(coalesce(split, '') = 'train') over (partition by method, base_model) as learned
    from models
    where method <> 'none'
)
select
    per_sample.encoder, per_sample.mapper, generators.method, generators.base_model, generators.learned,
    per_sample.exemplar_set, per_sample.sample_id, per_sample.pool_size, per_sample.recall_10
from per_sample
join generators using (model_id)
where generators.split = 'test' and generators.concept_kind is distinct from 'set'
order by encoder, mapper, learned desc, generators.method, base_model, exemplar_set, sample_id
