-- removed_images: images that were taken out of the store, with what was last known of their rights; a view.
-- reads    tombstones, rights_log
-- params   none
-- returns  image_id, uri, reason VARCHAR, removed_at, erased_at TIMESTAMP (null: old versions may still hold the
--          bytes), creator, rights_holder, license, reservation VARCHAR (of the log; null: not known)
-- source   none: rows of the tables
create or replace view removed_images as
with last as (
    select
        image_id,
        arg_max_null(new, number) filter (where field = 'creator') as creator,
        arg_max_null(new, number) filter (where field = 'rights_holder') as rights_holder,
        arg_max_null(new, number) filter (where field = 'license') as license,
        arg_max_null(new, number) filter (where field = 'reservation') as reservation
    from rights_log
    group by image_id
)
select
    tombstones.item_id as image_id,
    tombstones.uri,
    tombstones.reason,
    tombstones.removed_at,
    tombstones.erased_at,
    last.creator,
    last.rights_holder,
    last.license,
    last.reservation
from tombstones
left join last on last.image_id = tombstones.item_id
where tombstones.item_kind = 'image'
