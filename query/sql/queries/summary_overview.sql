-- summary_overview: the figures of a training-data summary that are of all images together.
-- reads    training_data, removed_images, models, failures
-- params   none
-- returns  one row: images, gallery, exemplars, captioned, generated, sources, domains, creators,
--          rights_holders BIGINT, first_added, last_added TIMESTAMP, undated, reserved, unreserved,
--          unknown_reservation (images by reservation), removed, removed_reserved, erased (images that were
--          taken out), customized BIGINT (models), left_out BIGINT (inputs that could not be used), bases
--          VARCHAR[]
-- source   none: counts of rows
select
    count(*) as images,
    count(*) filter (where role in ('gallery', 'both')) as gallery,
    count(*) filter (where role in ('exemplar', 'both')) as exemplars,
    count(*) filter (where captioned) as captioned,
    count(*) filter (where generated) as generated,
    count(distinct source) as sources,
    count(distinct domain) as domains,
    count(distinct creator) as creators,
    count(distinct rights_holder) as rights_holders,
    min(added) as first_added,
    max(added) as last_added,
    count(*) filter (where added is null) as undated,
    count(*) filter (where reservation in ('tdm', 'opt-out')) as reserved,
    count(*) filter (where reservation = 'none') as unreserved,
    count(*) filter (where reservation is null) as unknown_reservation,
    (select count(*) from removed_images) as removed,
    (select count(*) from removed_images where reservation in ('tdm', 'opt-out')) as removed_reserved,
    (select count(*) from removed_images where erased_at is not null) as erased,
    (select count(*) from models where method <> 'none') as customized,
    (select count(*) from failures where stage = 'images') as left_out,
    (select list(distinct base_model order by base_model) from models where base_model is not null) as bases
from training_data
