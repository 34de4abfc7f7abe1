-- latest_runs: the finished run of each encoder, mapper, case, split and scheme that was started last.
-- reads    runs
-- params   none
-- returns  a view: run_number BIGINT, run_id, encoder, mapper, case_name, scheme, split, started TIMESTAMP;
--          runs of before ranks were numbered are left out
create or replace view latest_runs as
select run_number, run_id, encoder, mapper, case_name, scheme, split, started
from runs
where run_number is not null
qualify row_number() over (
    partition by encoder, mapper, case_name, scheme, split order by started desc, run_id
) = 1
