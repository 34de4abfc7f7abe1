-- per_sample_of: the samples of one encoder, mapper or case, or of all, one group after the other.
-- reads    per_sample
-- params   $encoder, $mapper, $case_name VARCHAR, each null for all
-- returns  the columns of per_sample, ordered by encoder, mapper, case_name, split, scheme, sample_id
-- source   as per_sample
select *
from per_sample
where ($encoder is null or encoder = $encoder)
    and ($mapper is null or mapper = $mapper)
    and ($case_name is null or case_name = $case_name)
order by encoder, mapper, case_name, split, scheme, sample_id
