-- per_sample: retrieval metrics of one sample's exemplars in its pool, by the latest runs; a view.
-- reads    latest_runs, ranks, samples, models
-- params   none
-- returns  encoder, mapper, case_name, split, scheme, method, model_id, sample_id, exemplar_set (equal for
--          models of the same exemplars), exemplars BIGINT, best_rank BIGINT, pool_size BIGINT, recall_5,
--          recall_10, recall_100, ap DOUBLE in [0, 1]
-- source   arXiv:2306.09345 section 5: recall@K is the share of the exemplars in the top K; a stored rank
--          counts all pool items, so average precision is the mean over the exemplars of place / rank
create or replace view per_sample as
with scored as (
    select
        encoder, mapper, case_name, split, scheme, sample_id,
        count(*) as exemplars,
        min(rank) as best_rank,
        any_value(pool_size) as pool_size,
        count(*) filter (where rank <= 5) / count(*) as recall_5,
        count(*) filter (where rank <= 10) / count(*) as recall_10,
        count(*) filter (where rank <= 100) / count(*) as recall_100,
        avg(place / rank) as ap
    from ranks
    join latest_runs using (run_number)
    group by encoder, mapper, case_name, split, scheme, sample_id
),
made as (
    select
        model_id, method,
        md5(array_to_string(list_sort(list_distinct(exemplar_ids)), ',')) as exemplar_set
    from models
)
select
    scored.encoder, scored.mapper, scored.case_name, scored.split, scored.scheme,
    made.method, made.model_id, scored.sample_id, made.exemplar_set,
    scored.exemplars, scored.best_rank, scored.pool_size,
    scored.recall_5, scored.recall_10, scored.recall_100, scored.ap
from scored
join samples using (sample_id)
join made using (model_id)
