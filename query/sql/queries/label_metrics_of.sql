-- label_metrics_of: labelled retrieval by one label and pair of collections.
-- reads    label_metrics
-- params   $label VARCHAR; $encoder, $mapper VARCHAR, null for all; $query_collection, $gallery VARCHAR, null for
--          the runs over all images
-- returns  encoder, mapper, label, queries, labels, candidates, chance, map_1, map_5, map_10, map_100 and the
--          interval of map_10, in a fixed order of rows
-- source   as label_metrics
select
    encoder, mapper, label, queries, labels, candidates, chance, map_1, map_5, map_10, map_10_low, map_10_high, map_100
from label_metrics
where label = $label
    and query_collection is not distinct from $query_collection
    and gallery is not distinct from $gallery
    and ($encoder is null or encoder = $encoder)
    and ($mapper is null or mapper = $mapper)
order by encoder, mapper <> 'none', mapper
