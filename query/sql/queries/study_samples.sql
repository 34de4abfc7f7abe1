-- study_samples: the metrics of every sample with every encoder and mapper, for the report of a study.
-- reads    per_sample
-- params   none
-- returns  encoder, mapper, case_name, scheme, split VARCHAR ('' where there is none), exemplar_set, model_id,
--          sample_id, recall_5, recall_10, recall_100, ap DOUBLE in [0, 1]
-- source   as per_sample
select
    encoder, mapper, case_name, coalesce(scheme, '') as scheme, coalesce(split, '') as split,
    exemplar_set, model_id, sample_id, recall_5, recall_10, recall_100, ap
from per_sample
