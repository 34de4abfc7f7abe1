-- usage_by_owner: what stored samples owe to owners, together, with 95% intervals; a table macro.
-- reads    no table: usage_rows (usage_rows.py) reads the snapshot of the schema
-- params   $schema VARCHAR, put in as a literal when the macro is created; of the macro: field VARCHAR (as of
--          influence_by), since, until TIMESTAMP in UTC (samples with since <= created < until; null: any
--          time, also none), model VARCHAR (a model_id; null: all), k BIGINT (so many owners; null: all),
--          encoder, mapper VARCHAR (null: chosen as on the command line)
-- returns  name VARCHAR (null: images of which the field is not known), influence DOUBLE (the mean over samples),
--          low, high DOUBLE (of its interval; null below five models), samples_with BIGINT (samples with any
--          of the owner's influence), owned DOUBLE (the owner's share of the pool's images); the same on each
--          row: samples, models BIGINT, null_share DOUBLE (the mean influence of what is not in the pool),
--          unclear BIGINT (samples without a clear source), incomplete BIGINT (samples searched in part),
--          failed BIGINT (samples left out without a vector), undated BIGINT (samples left
--          out, since nothing says when they were generated)
-- source   influence_by, averaged; percentile bootstrap over models (bootstrap.py)
create or replace macro usage_by_owner(
    field, since := null, until := null, model := null, k := null, encoder := null, mapper := null
) as table
select unnest(
    usage_rows(
        $schema, call.field, call.since, call.until, call.model, call.k, call.encoder, call.mapper
    ),
    recursive := true
)
from (
    select field, since, until, model, k, encoder, mapper
) as call(field, since, until, model, k, encoder, mapper)
