-- report_published: every published figure, in the order of the paper's tables.
-- reads    published
-- params   none
-- returns  source, encoder, mapper, case_name, scheme, recall_5, recall_10, recall_100, map DOUBLE
-- source   arXiv:2306.09345 Tables 3 and 4
select source, encoder, mapper, case_name, scheme, recall_5, recall_10, recall_100, map from published
