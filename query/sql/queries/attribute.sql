-- attribute: the images that influenced a stored sample, best first; a table macro, also for lateral joins.
-- reads    the store at the version that the schema shows, through the function attribute_rows (macro_rows.py)
-- params   $schema VARCHAR (put in as a literal when the macro is created); item VARCHAR (sample_id or its uri;
--          null has no rows), k BIGINT, encoder, mapper VARCHAR (null: as in the command line)
-- returns  rank BIGINT, image_id, similarity FLOAT, influence DOUBLE (null where nothing is calibrated),
--          exact, complete BOOLEAN, remaining DOUBLE (the influence of images beyond the k-th)
create or replace macro attribute(item, k := 10, encoder := null, mapper := null) as table
select unnest(attribute_rows($schema, asked.item, asked.k, asked.encoder, asked.mapper), recursive := true)
from (
    select item, k, encoder, mapper
    order by 1 -- gathers the items of a join into whole vectors: one call for 2048 of them
) as asked(item, k, encoder, mapper)
