-- training_data: every image that a model was trained on (gallery, exemplars of models), with its rights; a view.
-- reads    images, members, models
-- params   none
-- returns  image_id, uri, role VARCHAR (gallery, exemplar or both), creator, rights_holder, license,
--          license_url, reservation (null: not known), source, domain (of a uri of the web, without www.),
--          category VARCHAR, captioned, generated BOOLEAN (the file says that an algorithm made it), side
--          INTEGER (pixels of the longer one; null where the picture is not here), added TIMESTAMP
-- source   none: rows of the tables
create or replace view training_data as
with gallery as (
    select distinct image_id from members where collection = 'gallery'
),
exemplars as (
    select distinct unnest(exemplar_ids) as image_id from models where method <> 'none'
)
select
    images.image_id,
    images.uri,
    case
        when exemplars.image_id is null then 'gallery'
        when gallery.image_id is null then 'exemplar'
        else 'both'
    end as role,
    images.creator,
    images.rights_holder,
    images.license,
    images.license_url,
    images.reservation,
    images.source,
    nullif(regexp_extract(lower(images.uri), '^https?://(?:www\.)?([^/:?#]+)', 1), '') as domain,
    images.category,
    images.caption is not null as captioned,
    coalesce(
        contains(
            lower(case when json_valid(images.metadata) then images.metadata end ->> '$.rights.digital_source_type'),
            'algorithmicmedia'
        ),
        false
    ) as generated,
    greatest(images.width, images.height) as side,
    images.added
from images
left join gallery using (image_id)
left join exemplars using (image_id)
where gallery.image_id is not null or exemplars.image_id is not null
