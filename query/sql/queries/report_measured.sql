-- report_measured: every measured figure with its interval, a row each.
-- reads    metrics, intervals
-- params   none
-- returns  encoder, mapper, case_name, scheme, split, samples BIGINT, models BIGINT, metric ('recall_5', 'recall_10',
--          'recall_100', 'map'), value DOUBLE, low, high DOUBLE (null where there is no interval)
with long as (
    unpivot (select encoder, mapper, case_name, scheme, split, samples, recall_5, recall_10, recall_100, map from metrics)
    on recall_5, recall_10, recall_100, map
    into name metric value value
)
select
    long.encoder, long.mapper, long.case_name, coalesce(long.scheme, '') as scheme, coalesce(long.split, '') as split,
    long.samples, sure.models, long.metric, long.value, sure.low, sure.high
from long
left join intervals as sure
    on sure.encoder = long.encoder
    and sure.mapper = long.mapper
    and sure.case_name is not distinct from long.case_name
    and sure.scheme is not distinct from long.scheme
    and sure.split is not distinct from long.split
    and sure.metric = if(long.metric = 'map', 'ap', long.metric)
order by all
