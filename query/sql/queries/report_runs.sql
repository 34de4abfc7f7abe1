-- report_runs: the runs that the measured metrics come from, a row for each encoder and mapper.
-- reads    latest_runs, runs
-- params   none
-- returns  encoder, mapper, runs, samples BIGINT, first, last TIMESTAMP (starts, UTC), seconds DOUBLE (all of
--          them), code_versions, table_versions VARCHAR[] (each different one; the latter are JSON)
-- source   none: sums over rows
select
    runs.encoder, runs.mapper, count(*) as runs, sum(runs.samples)::bigint as samples,
    min(runs.started) as first, max(runs.started) as last, sum(runs.seconds) as seconds,
    list_sort(list(distinct runs.code_version) filter (runs.code_version is not null)) as code_versions,
    list_sort(list(distinct runs.table_versions) filter (runs.table_versions is not null)) as table_versions
from latest_runs
join runs using (run_id)
group by runs.encoder, runs.mapper
order by runs.encoder, runs.mapper
