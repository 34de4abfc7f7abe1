-- map_items: the points of the newest map of each encoder and mapper, with what is known of them; a view.
-- reads    maps, map_points, images, samples, image_clusters
-- params   none
-- returns  map_id, encoder, mapper, item_id, kind VARCHAR (gallery, exemplar, image or sample), x, y FLOAT, uri,
--          creator, license, rights_holder, reservation, category, label VARCHAR (caption or prompt), model_id,
--          cluster_id VARCHAR (of an image that has copies)
-- source   arXiv:1802.03426 (UMAP)
create or replace view map_items as
with newest as (
    select map_id, encoder, mapper from maps
    qualify row_number() over (partition by encoder, mapper order by created desc, map_id) = 1
)
select
    newest.map_id, newest.encoder, newest.mapper, points.item_id, points.kind, points.x, points.y,
    coalesce(images.uri, samples.uri) as uri,
    images.creator, images.license, images.rights_holder, images.reservation, images.category,
    coalesce(images.caption, samples.prompt) as label,
    samples.model_id,
    image_clusters.cluster_id
from newest
join map_points as points using (map_id)
left join images on images.image_id = points.item_id and points.kind <> 'sample'
left join samples on samples.sample_id = points.item_id and points.kind = 'sample'
left join image_clusters on image_clusters.image_id = images.image_id
