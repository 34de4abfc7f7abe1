-- leakage: works that are on two sides, as the same image or as copies; a view.
-- reads    members, models, image_clusters
-- params   none
-- returns  first, second VARCHAR (sides: 'collection NAME', or 'split NAME' of the exemplars of its models; each
--          pair once), works BIGINT (that both have), same BIGINT (images that are on both sides), copied BIGINT
--          (images of the second side that are not on the first, and have a copy there), second_images BIGINT
--          (of the second side), example, example_copy VARCHAR (image_id of a copy, and of its original)
-- source   none: a count of rows
create or replace view leakage as
with sides as (
    select 'collection ' || collection as side, image_id from members
    union
    select 'split ' || split as side, unnest(exemplar_ids) as image_id from models
    where split in ('train', 'val', 'test') -- control and check models have the exemplars of others
),
works as (
    select side, image_id, coalesce(cluster_id, image_id) as work
    from sides left join image_clusters using (image_id)
),
sizes as (
    select side, count(*) as images from works group by side
),
pairs as (
    select
        a.side as first, b.side as second, b.work, b.image_id,
        bool_or(a.image_id = b.image_id) as same,
        min(a.image_id) filter (a.image_id <> b.image_id) as original
    from works as a join works as b on a.work = b.work and a.side < b.side
    group by a.side, b.side, b.work, b.image_id
)
select
    first, second,
    count(distinct work) as works,
    count(*) filter (same) as same,
    count(*) filter (not same) as copied,
    any_value(sizes.images) as second_images,
    min(original) filter (not same) as example,
    arg_min(image_id, original) filter (not same) as example_copy
from pairs join sizes on sizes.side = pairs.second
group by first, second
