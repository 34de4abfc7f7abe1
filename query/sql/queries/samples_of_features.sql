-- samples_of_features: a metric of every sample but those of sets, by all encoders and mappers, latest runs.
-- reads    per_sample, models
-- params   $split VARCHAR; $metric VARCHAR: recall_5, recall_10, recall_100 or ap
-- returns  encoder, mapper ('none' is raw features), case_name, concept_kind ('other' where unknown),
--          exemplar_set, sample_id VARCHAR, value DOUBLE in [0, 1]; one row an encoder, mapper and sample
-- source   as per_sample; sets have a metric of their own (metrics_sets)
select
    encoder, mapper, per_sample.case_name, coalesce(concept_kind, 'other') as concept_kind, exemplar_set, sample_id,
    case $metric
        when 'recall_5' then recall_5
        when 'recall_10' then recall_10
        when 'recall_100' then recall_100
        when 'ap' then ap
    end as value
from per_sample
join models using (model_id)
where per_sample.split = $split and concept_kind is distinct from 'set'
order by encoder, mapper, per_sample.case_name, exemplar_set, sample_id
