-- significance: which differences between two mappers of an encoder hold, over models, by the latest runs; a view.
-- reads    per_sample, models
-- params   none
-- returns  "group" ('object', 'style', 'other' for models of no known kind, 'all'), encoder, split, first, second
--          (mappers; 'none' is raw features, and first), metric ('recall_5', 'recall_10', 'recall_100', 'ap'),
--          models BIGINT, first_mean, second_mean, difference DOUBLE (second - first; means over models, each by
--          the mean of its samples), low, high (the 95% interval), effect (Cohen's d of paired differences), p
--          (two-sided, by flipping signs), adjusted DOUBLE (by Holm, for all rows of a split and metric), holds
--          BOOLEAN (adjusted < 0.05); low to holds are null for fewer than five models
-- source   paired_tests.py; S. Holm, A simple sequentially rejective multiple test procedure, 1979
create or replace view significance as
with labelled as (
    select per_sample.*, coalesce(concept_kind, 'other') as kind
    from per_sample
    join models using (model_id)
    where concept_kind is distinct from 'set'
),
paired as (
    select
        a.encoder, a.split, a.mapper as first, b.mapper as second, a.kind, a.case_name, a.exemplar_set,
        [avg(a.recall_5), avg(a.recall_10), avg(a.recall_100), avg(a.ap)] as first_values,
        [avg(b.recall_5), avg(b.recall_10), avg(b.recall_100), avg(b.ap)] as second_values
    from labelled as a
    join labelled as b
        on a.encoder = b.encoder
        and a.sample_id = b.sample_id
        and (a.case_name, a.scheme, a.split) is not distinct from (b.case_name, b.scheme, b.split)
        and (a.mapper = 'none' or b.mapper <> 'none' and a.mapper < b.mapper)
        and a.mapper <> b.mapper
    group by all
),
grouped as (
    select
        encoder, split, first, second, unnest([kind, 'all']) as "group", kind, case_name, exemplar_set,
        first_values, second_values
    from paired
),
tested as (
    select
        "group", encoder, split, first, second,
        count(*) as models,
        paired_tests(
            list(first_values order by kind, case_name, exemplar_set),
            list(second_values order by kind, case_name, exemplar_set)
        ) as found
    from grouped
    group by "group", encoder, split, first, second
    having "group" <> 'all' or count(distinct kind) > 1
),
each as (
    select * exclude (found), unnest(found) as found
    from tested
),
ordered as (
    select
        * exclude (found), found.*,
        found.p * (
            count(found.p) over (partition by split, found.metric) + 1
            - row_number() over (partition by split, found.metric order by found.p nulls last)
        ) as scaled
    from each
),
corrected as (
    select
        *,
        case when p is not null then
            least(1, max(scaled) over (partition by split, metric order by p))
        end as adjusted
    from ordered
)
select
    "group", encoder, split, first, second, metric, models, first_mean, second_mean, difference,
    low, high, effect, p, adjusted, adjusted < 0.05 as holds
from corrected
