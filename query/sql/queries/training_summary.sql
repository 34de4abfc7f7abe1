-- training_summary: how many of the images that models were trained on have each value of a field; a view.
-- reads    training_data
-- params   none
-- returns  field VARCHAR (source, domain, license, license_url, rights_holder, creator, reservation, category,
--          role, side, month), value VARCHAR (null: not known), images, gallery, exemplars BIGINT (an image
--          that is both counts in each), share DOUBLE (of all images)
-- source   none: counts of rows
create or replace view training_summary as
with long as (
    unpivot (
        select
            role as image_role,
            coalesce(source, '') as source,
            coalesce(domain, '') as domain,
            coalesce(license, '') as license,
            coalesce(license_url, '') as license_url,
            coalesce(rights_holder, '') as rights_holder,
            coalesce(creator, '') as creator,
            coalesce(reservation, '') as reservation,
            coalesce(category, '') as category,
            role,
            case
                when side is null then ''
                when side < 256 then 'below 256 pixels'
                when side < 512 then '256 to 511 pixels'
                when side < 1024 then '512 to 1,023 pixels'
                else '1,024 pixels or more'
            end as side,
            coalesce(strftime(added, '%Y-%m'), '') as month
        from training_data
    ) on source, domain, license, license_url, rights_holder, creator, reservation, category, role, side, month
    into name field value value
)
select
    field,
    nullif(value, '') as value,
    count(*) as images,
    count(*) filter (where image_role in ('gallery', 'both')) as gallery,
    count(*) filter (where image_role in ('exemplar', 'both')) as exemplars,
    count(*) / sum(count(*)) over (partition by field) as share
from long
group by field, value
