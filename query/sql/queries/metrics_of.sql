-- metrics_of: the metrics of one encoder, mapper or case, or of all.
-- reads    metrics
-- params   $encoder, $mapper, $case_name VARCHAR, each null for all
-- returns  the columns of metrics, in a fixed order of rows
-- source   as metrics
select *
from metrics
where ($encoder is null or encoder = $encoder)
    and ($mapper is null or mapper = $mapper)
    and ($case_name is null or case_name = $case_name)
order by encoder, case_name, split, scheme, mapper <> 'none', mapper
