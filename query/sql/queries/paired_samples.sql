-- paired_samples: two mappers on the same samples, side by side.
-- reads    per_sample
-- params   $encoder, $first, $second, $split VARCHAR; $case_name VARCHAR, null for all
-- returns  case_name, scheme, exemplar_set, model_id, sample_id and, once for each mapper, recall_5,
--          recall_10, recall_100, ap DOUBLE (first_*, second_*)
-- source   as per_sample
select
    a.case_name, a.scheme, a.exemplar_set, a.model_id, a.sample_id,
    a.recall_5 as first_recall_5, b.recall_5 as second_recall_5,
    a.recall_10 as first_recall_10, b.recall_10 as second_recall_10,
    a.recall_100 as first_recall_100, b.recall_100 as second_recall_100,
    a.ap as first_ap, b.ap as second_ap
from per_sample as a
join per_sample as b using (encoder, case_name, split, sample_id)
where encoder = $encoder
    and split = $split
    and a.mapper = $first
    and b.mapper = $second
    and ($case_name is null or case_name = $case_name)
order by case_name, sample_id
