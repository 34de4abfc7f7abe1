-- influence_by: the owners of the images that influenced a stored sample, with their influence; a table macro.
-- reads    no table: influence_rows (macro_rows.py) reads the snapshot of the schema
-- params   $schema VARCHAR, put in as a literal when the macro is created; of the macro: field VARCHAR
--          (creator, rights_holder, license, license_url, reservation, source, category, collection or
--          metadata.NAME), item VARCHAR (a sample_id or its uri; null has no rows), encoder, mapper VARCHAR (null: chosen as
--          on the command line)
-- returns  name VARCHAR (null: images without one), influence DOUBLE (null where nothing is calibrated), images
--          BIGINT (those with any influence; where nothing is calibrated those compared), owned DOUBLE (the
--          owner's share of the pool's images with a vector), similarity FLOAT, image_id VARCHAR (the owner's
--          best match), state VARCHAR (shares, no clear source, none or similar),
--          exact, complete BOOLEAN, null_share DOUBLE (the influence of what is not in the pool),
--          pool_size, embedded, searched BIGINT (images in the pool, with a vector, and compared)
-- source   arXiv:2306.09345 section 4, eq. 6, summed
create or replace macro influence_by(field, item, encoder := null, mapper := null) as table
select unnest(influence_rows($schema, call.field, call.item, call.encoder, call.mapper), recursive := true)
from (
    select field, item, encoder, mapper
    order by 2 -- gathers the items of a join, so that one function call has 2048 of them
) as call(field, item, encoder, mapper)
