-- intervals: 95% bootstrap confidence intervals of the metrics of the latest runs; a view.
-- reads    per_sample
-- params   none
-- returns  encoder, mapper, case_name, scheme, split, metric ('recall_5', 'recall_10', 'recall_100', 'ap'),
--          estimate DOUBLE (the mean over samples), low, high DOUBLE (null below five models), samples
--          BIGINT, models BIGINT (models of the same exemplars count once: they are drawn together)
-- source   percentile bootstrap over models with a fixed seed (bootstrap.py): samples of one model share its
--          exemplars and its training, so they are not independent
create or replace view intervals as
with sets as (
    select
        encoder, mapper, case_name, scheme, split, exemplar_set,
        count(*) as samples,
        [sum(recall_5), sum(recall_10), sum(recall_100), sum(ap)] as sums
    from per_sample
    group by all
),
drawn as (
    select
        encoder, mapper, case_name, scheme, split,
        sum(samples)::bigint as samples,
        count(*) as models,
        bootstrap_means(list(sums order by exemplar_set), list(samples order by exemplar_set)) as found
    from sets
    group by all
),
each as (
    select * exclude (found), unnest(found) as found
    from drawn
)
select
    encoder, mapper, case_name, scheme, split,
    found.metric, found.estimate, found.low, found.high,
    samples, models
from each
