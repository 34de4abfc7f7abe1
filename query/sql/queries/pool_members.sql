-- pool_members: the images of the gallery, each with its row of a space, or with its id where it has none.
-- reads    gallery, items
-- params   none
-- returns  row BIGINT, image_id VARCHAR (null where there is a row)
-- source   none: a join of ids
select items.row, case when items.row is null then gallery.image_id end as image_id
from gallery
left join items on items.item_id = gallery.image_id
