-- similar_text: the images most similar to what a text says; a table macro.
-- reads    no table: similar_text_rows (macro_rows.py) reads the snapshot of the schema
-- params   $schema VARCHAR, put in as a literal when the macro is created; of the macro: text VARCHAR (null has
--          no rows), k BIGINT, encoder VARCHAR (null: the first by name that has a text tower)
-- returns  rank BIGINT, image_id VARCHAR, similarity FLOAT, exact BOOLEAN, pool_size, embedded, searched BIGINT
--          (images in the pool, with a vector, and compared)
-- source   arXiv:2103.00020 section 2: cosine of the features of text and image
create or replace macro similar_text(text, k := 10, encoder := null) as table
select unnest(similar_text_rows($schema, call.text, call.k, call.encoder), recursive := true)
from (
    select text, k, encoder
    order by 1 -- gathers the texts of a join, so that one function call has 2048 of them
) as call(text, k, encoder)
