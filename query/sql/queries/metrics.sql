-- metrics: retrieval metrics of the latest run of each encoder, mapper, case, split and scheme; a view.
-- reads    latest_runs, ranks (number columns only)
-- params   none
-- returns  encoder, mapper ('none' is raw features), case_name, scheme, split, samples BIGINT, recall_5,
--          recall_10, recall_100, map DOUBLE in [0, 1], means over samples; pool_size BIGINT, images in the
--          largest pool of a sample: the gallery and the exemplars of its own model
-- source   arXiv:2306.09345 section 5: a sample's recall@K is the share of its exemplars in the top K, its
--          average precision the mean over its exemplars of place / rank. Each is a sum over exemplars of a
--          term / exemplars, so means over samples need no grouping by sample: one pass over numbers.
--          Products are used instead of filters because they take half the time (benchmarks/metrics_sql.py).
create or replace view metrics as
with shares as (
    select run_number, rank, place, pool_size, 1 / exemplars as share
    from ranks
),
summed as (
    select
        run_number,
        sum(share) as samples,
        max(pool_size) as pool_size,
        sum((rank <= 5)::int * share) as recall_5,
        sum((rank <= 10)::int * share) as recall_10,
        sum((rank <= 100)::int * share) as recall_100,
        sum(place * share / rank) as ap
    from shares
    group by run_number
)
select
    encoder, mapper, case_name, scheme, split,
    round(samples)::bigint as samples,
    recall_5 / samples as recall_5,
    recall_10 / samples as recall_10,
    recall_100 / samples as recall_100,
    ap / samples as map,
    pool_size
from summed
join latest_runs using (run_number)
