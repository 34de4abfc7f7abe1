-- paired_samples: the same samples ranked with two features, an encoder and a mapper each, by the latest runs.
-- reads    per_sample
-- params   $first_encoder, $first_mapper, $second_encoder, $second_mapper, $split VARCHAR;
--          $metric VARCHAR: recall_5, recall_10, recall_100 or ap
-- returns  case_name, scheme, exemplar_set VARCHAR, first, second DOUBLE in [0, 1]; one row a sample
-- source   as per_sample
with measured as (
    select
        encoder, mapper, case_name, coalesce(scheme, '') as scheme, exemplar_set, sample_id,
        case $metric
            when 'recall_5' then recall_5
            when 'recall_10' then recall_10
            when 'recall_100' then recall_100
            when 'ap' then ap
        end as value
    from per_sample
    where split = $split
)
select a.case_name, a.scheme, a.exemplar_set, a.value as first, b.value as second
from measured as a
join measured as b using (case_name, scheme, sample_id)
where (a.encoder, a.mapper) = ($first_encoder, $first_mapper)
    and (b.encoder, b.mapper) = ($second_encoder, $second_mapper)
order by a.case_name, a.scheme, a.exemplar_set, a.sample_id
