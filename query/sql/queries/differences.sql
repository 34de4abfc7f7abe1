-- differences: two mappers of an encoder on the same samples, every ordered pair, by the latest runs.
-- reads    per_sample
-- params   none
-- returns  a view: encoder, case_name, scheme, split, first, second (mappers; 'none' is raw features),
--          metric ('recall_5', 'recall_10', 'recall_100', 'ap'), first_mean, second_mean DOUBLE (over the samples
--          that both ranked), difference DOUBLE (second - first), low, high DOUBLE (its 95% interval, null for
--          fewer than five models), samples BIGINT, models BIGINT (those of the same exemplars are one)
-- source   paired percentile bootstrap over models with a fixed seed (bootstrap.py)
create or replace view differences as
with sets as (
    select
        a.encoder, a.case_name, a.scheme, a.split, a.mapper as first, b.mapper as second, a.exemplar_set,
        count(*) as samples,
        [sum(a.recall_5), sum(a.recall_10), sum(a.recall_100), sum(a.ap)] as first_sums,
        [sum(b.recall_5), sum(b.recall_10), sum(b.recall_100), sum(b.ap)] as second_sums
    from per_sample as a
    join per_sample as b
        on a.encoder = b.encoder
        and a.sample_id = b.sample_id
        and (a.case_name, a.scheme, a.split) is not distinct from (b.case_name, b.scheme, b.split)
        and a.mapper <> b.mapper
    group by all
),
drawn as (
    select
        encoder, case_name, scheme, split, first, second,
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
    encoder, case_name, scheme, split, first, second,
    found.metric, found.first_mean, found.second_mean, found.difference, found.low, found.high,
    samples, models
from each
