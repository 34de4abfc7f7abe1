-- report_measured: every measured metric with its interval, a row each.
-- reads    metrics, intervals
-- params   none
-- returns  encoder, mapper, case_name, scheme, split, samples BIGINT, models BIGINT, metric ('recall_5',
--          'recall_10', 'recall_100', 'map'), value DOUBLE, low, high DOUBLE (null where there is no
--          interval)
-- source   as metrics and intervals
with long as (
    unpivot (select encoder, mapper, case_name, scheme, split, samples, recall_5, recall_10, recall_100, map from metrics)
    on recall_5, recall_10, recall_100, map
    into name metric value value
)
select
    long.encoder, long.mapper, long.case_name, coalesce(long.scheme, '') as scheme, coalesce(long.split, '') as split,
    long.samples, intervals.models, long.metric, long.value, intervals.low, intervals.high
from long
left join intervals
    on intervals.encoder = long.encoder
    and intervals.mapper = long.mapper
    and intervals.case_name is not distinct from long.case_name
    and intervals.scheme is not distinct from long.scheme
    and intervals.split is not distinct from long.split
    and intervals.metric = if(long.metric = 'map', 'ap', long.metric)
order by all
