-- report_published: every published figure, in the order of the paper's tables.
-- reads    published
-- params   none
-- returns  source, encoder, mapper, case_name, scheme, recall_5, recall_10, recall_100, map DOUBLE
select source, encoder, mapper, case_name, scheme, recall_5, recall_10, recall_100, map from published
