-- samples_and_controls: samples of one split beside those of the untouched base model for the same case.
-- reads    per_sample
-- params   $encoder, $mapper, $split VARCHAR; $case_name VARCHAR, null for all
-- returns  case_name, scheme, exemplar_set, model_id, sample_id, control BOOLEAN, recall_5, recall_10,
--          recall_100, ap DOUBLE; only exemplar sets with samples of customized models and of controls
-- source   as per_sample
select
    case_name, scheme, exemplar_set, model_id, sample_id,
    split = 'control' as control,
    recall_5, recall_10, recall_100, ap
from per_sample
where encoder = $encoder
    and mapper = $mapper
    and split in ($split, 'control')
    and ($case_name is null or case_name = $case_name)
qualify count(distinct split = 'control') over (partition by case_name, exemplar_set) = 2
order by case_name, sample_id
