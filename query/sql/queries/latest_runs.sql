-- latest_runs: the finished run that was started last, for each encoder, mapper, case, split and scheme; a view.
-- reads    runs
-- params   none
-- returns  run_number BIGINT, run_id, encoder, mapper, case_name, scheme, split VARCHAR, started TIMESTAMP;
--          runs without a run_number are left out
-- source   none: a choice of rows
create or replace view latest_runs as
select run_number, run_id, encoder, mapper, case_name, scheme, split, started
from runs
where run_number is not null
qualify row_number() over (
    partition by encoder, mapper, case_name, scheme, split order by started desc, run_id
) = 1
