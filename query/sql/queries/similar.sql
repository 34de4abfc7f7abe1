-- similar: the images most similar to a stored sample or image, itself left out; a table macro.
-- reads    the store at the version that the schema shows, through the function similar_rows (macro_rows.py)
-- params   $schema VARCHAR (put in as a literal when the macro is created); item VARCHAR (image_id, sample_id or
--          a sample's uri; null has no rows), k BIGINT, encoder, mapper VARCHAR (null: as in the command line)
-- returns  rank BIGINT, image_id, similarity FLOAT
create or replace macro "similar"(item, k := 10, encoder := null, mapper := null) as table
select unnest(similar_rows($schema, asked.item, asked.k, asked.encoder, asked.mapper), recursive := true)
from (
    select item, k, encoder, mapper
    order by 1 -- gathers the items of a join into whole vectors: one call for 2048 of them
) as asked(item, k, encoder, mapper)
