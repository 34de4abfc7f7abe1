-- metrics: retrieval metrics of the latest run of each encoder, mapper, case, split and scheme.
-- reads    latest_runs, ranks (its numbers only)
-- params   none
-- returns  a view: encoder, mapper ('none' is raw features), case_name, scheme, split, samples BIGINT,
--          recall_5, recall_10, recall_100, map DOUBLE in [0, 1], means over samples
-- source   arXiv:2306.09345 section 5: a sample's recall@K is the share of its exemplars in the top K, its
--          average precision the mean over its exemplars of place / rank. Each is a sum over exemplars of
--          something / exemplars, so the mean over samples needs no grouping by sample: one pass, no string.
create or replace temp view metrics as
with summed as (
    select
        run_number,
        count(*) filter (where place = 1) as samples,
        sum(if(rank <= 5, 1 / exemplars, 0)) as recall_5,
        sum(if(rank <= 10, 1 / exemplars, 0)) as recall_10,
        sum(if(rank <= 100, 1 / exemplars, 0)) as recall_100,
        sum(place / rank / exemplars) as ap
    from ranks
    group by run_number
)
select
    encoder, mapper, case_name, scheme, split, samples,
    recall_5 / samples as recall_5,
    recall_10 / samples as recall_10,
    recall_100 / samples as recall_100,
    ap / samples as map
from summed
join latest_runs using (run_number)
