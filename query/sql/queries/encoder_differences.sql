-- encoder_differences: two encoders on the same samples, every ordered pair with any mappers, by the latest runs.
-- reads    per_sample
-- params   none
-- returns  a view: case_name, scheme, split, first_encoder, first_mapper, second_encoder, second_mapper ('none'
--          is raw features), metric ('recall_5', 'recall_10', 'recall_100', 'ap'), first_mean, second_mean DOUBLE
--          (over the samples that both ranked), difference DOUBLE (second - first), low, high DOUBLE (its 95%
--          interval, null for fewer than five models), samples BIGINT, models BIGINT (those of the same
--          exemplars are one)
-- source   as differences, which has the mappers of one encoder
create or replace view encoder_differences as
with sets as (
    select
        a.case_name, a.scheme, a.split,
        a.encoder as first_encoder, a.mapper as first_mapper, b.encoder as second_encoder, b.mapper as second_mapper,
        a.exemplar_set,
        count(*) as samples,
        [sum(a.recall_5), sum(a.recall_10), sum(a.recall_100), sum(a.ap)] as first_sums,
        [sum(b.recall_5), sum(b.recall_10), sum(b.recall_100), sum(b.ap)] as second_sums
    from per_sample as a
    join per_sample as b
        on a.sample_id = b.sample_id
        and (a.case_name, a.scheme, a.split) is not distinct from (b.case_name, b.scheme, b.split)
        and a.encoder <> b.encoder
    group by all
),
drawn as (
    select
        case_name, scheme, split, first_encoder, first_mapper, second_encoder, second_mapper,
        sum(samples)::bigint as samples,
        count(*) as models,
        bootstrap_differences(
            list(first_sums order by exemplar_set),
            list(second_sums order by exemplar_set),
            list(samples order by exemplar_set)
        ) as found
    from sets
    group by all
),
each as (
    select * exclude (found), unnest(found) as found
    from drawn
)
select
    case_name, scheme, split, first_encoder, first_mapper, second_encoder, second_mapper,
    found.metric, found.first_mean, found.second_mean, found.difference, found.low, found.high,
    samples, models
from each
