-- models_by_precision: the test models of each case, best first, each with its sample of median AP.
-- reads    per_sample, models, samples
-- params   $encoder, $mapper VARCHAR
-- returns  case_name, model_id, concept_kind, concept, exemplar_ids, ap (mean over the model's samples), sample_id
--          and prompt of the sample whose AP is the model's median, control_id (the untouched base for the same
--          exemplars, null when there is none)
-- source   as per_sample
with placed as (
    select
        case_name, model_id, sample_id,
        avg(ap) over (partition by model_id) as model_ap,
        row_number() over (partition by model_id order by ap desc, sample_id) as place,
        count(*) over (partition by model_id) as drawn
    from per_sample
    where encoder = $encoder and mapper = $mapper and split = 'test'
),
controls as (
    select case_name, list_sort(list_distinct(exemplar_ids)) as exemplar_set, min(model_id) as control_id
    from models
    where split = 'control'
    group by case_name, exemplar_set
)
select
    placed.case_name, placed.model_id, models.concept_kind, models.concept, models.exemplar_ids,
    placed.model_ap as ap, placed.sample_id, samples.prompt, controls.control_id
from placed
join models on models.model_id = placed.model_id
join samples on samples.sample_id = placed.sample_id
left join controls
    on controls.case_name is not distinct from models.case_name
    and controls.exemplar_set = list_sort(list_distinct(models.exemplar_ids))
where placed.place = (placed.drawn + 1) // 2
order by placed.case_name, ap desc, placed.model_id
