-- metrics_sets: recall@N of models of sets of N images, by the latest runs; a view.
-- reads    latest_runs, ranks, samples, models
-- params   none
-- returns  encoder, mapper, case_name, scheme, split, size BIGINT (N), models, samples BIGINT, recall_n,
--          low, high DOUBLE in [0, 1] (the mean over models, and its 95% interval; null for one model), chance
--          DOUBLE (N / pool_size: recall@N of a random order), pool_size BIGINT
-- source   arXiv:2306.09345 section 5: the share of a sample's N exemplars among the N most similar images.
--          Samples of one model are not independent, and models of a size are few: the interval is Student's t
--          over the means of models, whose quantiles are listed for up to 30 degrees of freedom
create or replace view metrics_sets as
with quantiles as (
    select
        unnest(range(1, 31)) as freedom,
        unnest([
            12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
            2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
            2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042
        ]) as quantile
),
of_samples as (
    select
        run_number, sample_id,
        max(exemplars) as size,
        max(pool_size) as pool_size,
        count(*) filter (where rank <= exemplars) / max(exemplars) as recall_n
    from ranks
    where run_number in (select run_number from latest_runs)
    group by run_number, sample_id
),
of_models as (
    select
        encoder, mapper, latest_runs.case_name, latest_runs.scheme, latest_runs.split, model_id,
        size,
        max(pool_size) as pool_size,
        count(*) as samples,
        avg(recall_n) as recall_n
    from of_samples
    join latest_runs using (run_number)
    join samples using (sample_id)
    join models using (model_id)
    where concept_kind = 'set'
    group by all
),
summed as (
    select
        encoder, mapper, case_name, scheme, split, size,
        count(*) as models,
        sum(samples)::bigint as samples,
        avg(recall_n) as recall_n,
        stddev_samp(recall_n) / sqrt(count(*)) as error,
        max(pool_size) as pool_size
    from of_models
    group by all
)
select
    encoder, mapper, case_name, scheme, split, size::bigint as size, models, samples, recall_n,
    case when models > 1 then greatest(0, recall_n - coalesce(quantile, 1.96) * error) end as low,
    case when models > 1 then least(1, recall_n + coalesce(quantile, 1.96) * error) end as high,
    size / pool_size as chance,
    pool_size
from summed
left join quantiles on freedom = models - 1
