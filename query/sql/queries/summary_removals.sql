-- summary_removals: images that were taken out, by the reason that was given.
-- reads    removed_images
-- params   none
-- returns  reason VARCHAR (null: none was given), images, reserved (with a reservation), erased BIGINT, first,
--          last TIMESTAMP; most images first
-- source   none: counts of rows
select
    reason,
    count(*) as images,
    count(*) filter (where reservation in ('tdm', 'opt-out')) as reserved,
    count(erased_at) as erased,
    min(removed_at) as first,
    max(removed_at) as last
from removed_images
group by reason
order by images desc, reason
