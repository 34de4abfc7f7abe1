-- clusters: clusters of copies, by the newest run of `attribase cluster`; a view.
-- reads    image_clusters, images, members
-- params   none
-- returns  cluster_id VARCHAR, size INTEGER, least FLOAT (the least similarity to the image that stands for
--          it), uri, creator, license VARCHAR (of that image), creators, licenses, collections BIGINT (distinct
--          ones in the cluster: two licences of one work are worth a look)
-- source   none: a summary of rows
create or replace view clusters as
with held as (
    select image_id, list(distinct collection) as collections from members group by image_id
)
select
    image_clusters.cluster_id,
    any_value(image_clusters.size) as size,
    min(image_clusters.similarity) as least,
    any_value(images.uri) filter (images.image_id = image_clusters.cluster_id) as uri,
    any_value(images.creator) filter (images.image_id = image_clusters.cluster_id) as creator,
    any_value(images.license) filter (images.image_id = image_clusters.cluster_id) as license,
    count(distinct images.creator) as creators,
    count(distinct images.license) as licenses,
    len(list_distinct(flatten(list(coalesce(held.collections, []))))) as collections
from image_clusters
left join images using (image_id)
left join held using (image_id)
group by image_clusters.cluster_id
