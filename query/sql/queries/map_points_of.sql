-- map_points_of: the points of the newest map of an encoder and mapper, with what is known of them.
-- reads    map_items
-- params   $encoder VARCHAR, $mapper VARCHAR
-- returns  item_id, kind VARCHAR, x, y FLOAT, uri, creator, license, rights_holder, reservation, category, label,
--          model_id, cluster_id VARCHAR, by item_id
-- source   none: a choice of rows
select item_id, kind, x, y, uri, creator, license, rights_holder, reservation, category, label, model_id,
    cluster_id
from map_items
where encoder = $encoder and mapper = $mapper
order by item_id
