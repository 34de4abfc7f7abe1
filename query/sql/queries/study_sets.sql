-- study_sets: recall@N of sets of N images, the mean over cases and schemes, for the report of a study.
-- reads    metrics_sets
-- params   $split VARCHAR
-- returns  encoder, mapper, size BIGINT (N), recall_n DOUBLE in [0, 1]
-- source   as metrics_sets
select encoder, mapper, size, avg(recall_n) as recall_n
from metrics_sets
where coalesce(split, '') = $split
group by all
order by all
