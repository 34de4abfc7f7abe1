-- report_gains: what each mapper changes against raw features, on the same samples.
-- reads    differences
-- params   none
-- returns  encoder, case_name, scheme, split, mapper, metric ('recall_10', 'ap'), raw, mapped, difference DOUBLE,
--          low, high DOUBLE (the difference's 95% interval, may be null), samples, models BIGINT
select
    encoder, case_name, coalesce(scheme, '') as scheme, coalesce(split, '') as split, second as mapper, metric,
    first_mean as raw, second_mean as mapped, difference, low, high, samples, models
from differences
where first = 'none' and metric in ('recall_10', 'ap')
order by encoder, case_name, scheme, split, mapper, metric
