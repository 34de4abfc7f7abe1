-- label_metrics: mAP@K of labelled retrieval by encoder, mapper, label and collections; a view.
-- reads    retrievals
-- params   none
-- returns  encoder, mapper, label, query_collection, gallery (null: all images), queries, labels, candidates
--          BIGINT, chance (mAP@1 of a random order), map_1, map_5, map_10, map_100 DOUBLE in [0, 1], and of each
--          low and high (`map_1_low` and so on), null below five labels; created. Runs that were stopped are left out
-- source   AP@K = sum over i <= K of precision(i) x relevant(i) / min(relevant, K) (query/evaluation/retrieval.py);
--          95% percentile bootstrap over labels (bootstrap.py): images of one label are not independent
create or replace view label_metrics as
with complete as (
    select
        run_id, encoder, mapper, label, query_collection, gallery,
        count(*) as queries,
        count(distinct value) as labels,
        max(candidates) as candidates,
        avg(relevant / candidates) as chance,
        max(created) as created
    from retrievals
    group by run_id, encoder, mapper, label, query_collection, gallery
    having count(*) = max(retrievals.queries)
    qualify row_number() over (
        partition by encoder, mapper, label, query_collection, gallery order by max(created) desc, run_id
    ) = 1
),
of_labels as (
    select
        run_id, value,
        count(*) as images,
        [sum(ap_1), sum(ap_5), sum(ap_10), sum(ap_100)] as sums
    from retrievals
    where run_id in (select run_id from complete)
    group by run_id, value
),
drawn as (
    select run_id, bootstrap_means(list(sums order by value), list(images order by value)) as found
    from of_labels
    group by run_id
)
select
    encoder, mapper, label, query_collection, gallery, queries, labels, candidates, chance,
    found[1].estimate as map_1, found[2].estimate as map_5,
    found[3].estimate as map_10, found[4].estimate as map_100,
    found[1].low as map_1_low, found[1].high as map_1_high,
    found[2].low as map_5_low, found[2].high as map_5_high,
    found[3].low as map_10_low, found[3].high as map_10_high,
    found[4].low as map_100_low, found[4].high as map_100_high,
    created
from complete
join drawn using (run_id)
