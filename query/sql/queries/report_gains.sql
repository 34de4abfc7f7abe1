-- report_gains: the difference that each mapper makes to raw features, on the same samples.
-- reads    differences
-- params   none
-- returns  encoder, case_name, scheme, split, mapper, metric ('recall_10', 'ap'), raw, mapped, difference
--          DOUBLE, low, high DOUBLE (the difference's 95% interval, may be null), samples, models BIGINT
-- source   as differences
select
    encoder, case_name, coalesce(scheme, '') as scheme, coalesce(split, '') as split, second as mapper, metric,
    first_mean as raw, second_mean as mapped, difference, low, high, samples, models
from differences
where first = 'none' and metric in ('recall_10', 'ap')
order by encoder, case_name, scheme, split, mapper, metric
