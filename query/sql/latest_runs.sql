-- latest_runs: the finished run of each encoder, mapper, case and split that was started last.
-- reads    runs
-- params   none
-- returns  a view: run_id, encoder, mapper, case_name, split, started TIMESTAMP
create or replace temp view latest_runs as
select run_id, encoder, mapper, case_name, split, started
from runs
qualify row_number() over (partition by encoder, mapper, case_name, split order by started desc, run_id) = 1
