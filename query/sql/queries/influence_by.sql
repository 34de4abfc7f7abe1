-- influence_by: the influence on a stored sample, of all images, summed by owner; a table macro.
-- reads    the store at the version that the schema shows, through the function influence_rows (macro_rows.py)
-- params   $schema VARCHAR (put in as a literal when the macro is created); field VARCHAR (creator, license,
--          category or collection), item VARCHAR (sample_id or its uri; null has no rows), encoder, mapper
-- returns  name VARCHAR (null: images without one), influence DOUBLE, images BIGINT (those with any influence)
create or replace macro influence_by(field, item, encoder := null, mapper := null) as table
select unnest(influence_rows($schema, asked.field, asked.item, asked.encoder, asked.mapper), recursive := true)
from (
    select field, item, encoder, mapper
    order by 2 -- gathers the items of a join into whole vectors: one call for 2048 of them
) as asked(field, item, encoder, mapper)
