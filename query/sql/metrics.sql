-- metrics: retrieval metrics of the latest run of each encoder, mapper, case and split, per scheme.
-- reads    per_sample
-- params   none
-- returns  a view: encoder, mapper ('none' is raw features), case_name, scheme, split, samples BIGINT,
--          recall_5, recall_10, recall_100, map DOUBLE in [0, 1], means over samples
-- source   arXiv:2306.09345 section 5
create or replace temp view metrics as
select
    encoder, mapper, case_name, scheme, split,
    count(*) as samples,
    avg(recall_5) as recall_5,
    avg(recall_10) as recall_10,
    avg(recall_100) as recall_100,
    avg(ap) as map
from per_sample
group by encoder, mapper, case_name, scheme, split
