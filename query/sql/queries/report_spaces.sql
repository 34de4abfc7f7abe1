-- report_spaces: the feature spaces of a store, raw ('none') and mapped, and how each was made.
-- reads    encoders, mappers, calibrations
-- params   none
-- returns  encoder, mapper, dim INTEGER, source, license (of the encoder), kind (of the mapper; null for
--          raw), created TIMESTAMP (of the mapper), tau, lambda DOUBLE (null when not calibrated)
-- source   none: a join of rows
with spaces as (
    select encoder, 'none' as mapper, null::varchar as kind, null::timestamp as created from encoders
    union all
    select encoder, mapper, kind, created from mappers
)
select
    spaces.encoder, spaces.mapper, encoders.dim, encoders.source, encoders.license, spaces.kind, spaces.created,
    calibrations.tau, calibrations."lambda"
from spaces
left join encoders using (encoder)
left join calibrations on calibrations.encoder = spaces.encoder and calibrations.mapper = spaces.mapper
order by spaces.encoder, spaces.mapper
