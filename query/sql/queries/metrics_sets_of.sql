-- metrics_sets_of: recall@N of sets by one encoder, mapper or case, or by all.
-- reads    metrics_sets
-- params   $encoder, $mapper, $case_name VARCHAR, each null for all
-- returns  the columns of metrics_sets, in a fixed order of rows
-- source   as metrics_sets
select *
from metrics_sets
where ($encoder is null or encoder = $encoder)
    and ($mapper is null or mapper = $mapper)
    and ($case_name is null or case_name = $case_name)
order by encoder, mapper <> 'none', mapper, size, case_name, split, scheme
