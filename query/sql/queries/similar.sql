-- similar: the images most similar to a stored sample or image, itself left out; a table macro.
-- reads    no table: similar_rows (macro_rows.py) reads the snapshot of the schema
-- params   $schema VARCHAR, put in as a literal when the macro is created; of the macro: item VARCHAR (an
--          image_id, a sample_id or a sample's uri; null has no rows), k BIGINT, encoder, mapper VARCHAR
--          (null: chosen as on the command line)
-- returns  rank BIGINT, image_id VARCHAR, similarity FLOAT, exact BOOLEAN, pool_size, embedded, searched BIGINT
--          (images in the pool, with a vector, and compared)
-- source   arXiv:2306.09345 section 4: cosine of mapped features, h of images and h~ of samples
create or replace macro "similar"(item, k := 10, encoder := null, mapper := null) as table
select unnest(similar_rows($schema, call.item, call.k, call.encoder, call.mapper), recursive := true)
from (
    select item, k, encoder, mapper
    order by 1 -- gathers the items of a join, so that one function call has 2048 of them
) as call(item, k, encoder, mapper)
