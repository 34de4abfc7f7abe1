-- ranked_features: what finished runs have ranked.
-- reads    latest_runs
-- params   none
-- returns  encoder, mapper ('none' is raw features), split VARCHAR; ordered by these
-- source   none: a choice of columns
select distinct encoder, mapper, split
from latest_runs
order by encoder, mapper, split
