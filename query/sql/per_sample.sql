-- per_sample: retrieval of one sample's exemplars in its pool, by the latest runs.
-- reads    latest_runs, ranks, samples, models
-- params   none
-- returns  a view: encoder, mapper, case_name, split, scheme, method, model_id, sample_id, exemplar_set
--          (equal for models of the same exemplars), exemplars BIGINT, best_rank BIGINT, pool_size BIGINT,
--          recall_5, recall_10, recall_100, ap DOUBLE in [0, 1]
-- source   arXiv:2306.09345 section 5: recall@K is the share of the exemplars in the top K; a stored rank
--          counts all pool items, so average precision is the mean over the exemplars of hit / rank
create or replace temp view per_sample as
with placed as (
    select
        run_id, sample_id, rank, pool_size,
        row_number() over (partition by run_id, sample_id order by rank) as hit
    from ranks
    where run_id in (select run_id from latest_runs)
),
scored as (
    select
        run_id, sample_id,
        count(*) as exemplars,
        min(rank) as best_rank,
        any_value(pool_size) as pool_size,
        count(*) filter (where rank <= 5) / count(*) as recall_5,
        count(*) filter (where rank <= 10) / count(*) as recall_10,
        count(*) filter (where rank <= 100) / count(*) as recall_100,
        avg(hit / rank) as ap
    from placed
    group by run_id, sample_id
)
select
    latest_runs.encoder, latest_runs.mapper, latest_runs.case_name, latest_runs.split,
    samples.scheme, models.method, samples.model_id, scored.sample_id,
    md5(array_to_string(list_sort(list_distinct(models.exemplar_ids)), ',')) as exemplar_set,
    scored.exemplars, scored.best_rank, scored.pool_size,
    scored.recall_5, scored.recall_10, scored.recall_100, scored.ap
from scored
join latest_runs using (run_id)
join samples using (sample_id)
join models using (model_id)
