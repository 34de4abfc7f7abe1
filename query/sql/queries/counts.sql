-- counts: how many images, models and samples a store has.
-- reads    images, members, models, samples
-- params   none
-- returns  one row: gallery, exemplars, creators, customized, train_models, val_models, test_models, samples
--          BIGINT, any_sample VARCHAR (a sample of a test model)
-- source   none: counts of rows
select
    (select count(*) from members where collection = 'gallery') as gallery,
    (select count(*) from members where collection <> 'gallery') as exemplars,
    (select count(distinct creator) from images) as creators,
    count(*) filter (where method <> 'none') as customized,
    count(*) filter (where split = 'train') as train_models,
    count(*) filter (where split = 'val') as val_models,
    count(*) filter (where split = 'test') as test_models,
    (select count(*) from samples) as samples,
    (
        select min(sample_id) from samples
        where model_id in (select model_id from models where split = 'test')
    ) as any_sample
from models
