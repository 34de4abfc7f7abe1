-- summary_field: the values that the images which models were trained on have in one field.
-- reads    training_summary
-- params   $field VARCHAR (one of the fields of training_summary)
-- returns  value VARCHAR (null: not known), images, gallery, exemplars BIGINT, share DOUBLE; most images first
-- source   none: rows of the view
select value, images, gallery, exemplars, share
from training_summary
where field = $field
order by images desc, value
