-- attribute: the training images that influenced a stored sample, best first; a table macro, also for lateral joins.
-- reads    no table: attribute_rows (macro_rows.py) reads the snapshot of the schema
-- params   $schema VARCHAR, put in as a literal when the macro is created; of the macro: item VARCHAR (a
--          sample_id or its uri; null has no rows), k BIGINT, encoder, mapper VARCHAR (null: chosen as on the
--          command line), alpha DOUBLE (null: no level; else an error where no abstention was trained)
-- returns  rank BIGINT, image_id VARCHAR, similarity FLOAT, influence DOUBLE (null where nothing is
--          calibrated), exact, complete BOOLEAN, remaining DOUBLE (the influence of images beyond the k-th),
--          null_share DOUBLE (that of what is not in the pool), pool_size, embedded, searched BIGINT (images in the pool, with a vector, and compared), p_none
--          DOUBLE (null where no abstention was trained), attributed BOOLEAN, set_size BIGINT, in_set BOOLEAN
--          (null without alpha), evidence VARCHAR (how often answers like this were right on test pictures),
--          state VARCHAR (shares, no clear source, none or similar)
-- source   arXiv:2306.09345 section 4, eq. 6; p_none and the set: runtime/conformal.py
create or replace macro attribute(item, k := 10, encoder := null, mapper := null, alpha := null) as table
select unnest(
    attribute_rows($schema, call.item, call.k, call.encoder, call.mapper, call.alpha), recursive := true
)
from (
    select item, k, encoder, mapper, alpha
    order by 1 -- gathers the items of a join, so that one function call has 2048 of them
) as call(item, k, encoder, mapper, alpha)
