-- report_cases: what each test case is about, and which samples it has to measure.
-- reads    models, samples
-- params   none
-- returns  case_name, split, scheme VARCHAR ('' where there is none), kind VARCHAR ('object' or 'style': the
--          concept_kind of its models; null where they differ), trained BOOLEAN (the case has training
--          models), samples, models BIGINT; the split 'train' is left out
-- source   none: counts of rows
with cases as (
    select
        case_name,
        case when count(distinct concept_kind) = 1 then any_value(concept_kind) end as kind,
        bool_or(coalesce(split, '') = 'train') as trained
    from models
    where case_name is not null
    group by case_name
)
select
    cases.case_name, coalesce(models.split, '') as split, coalesce(samples.scheme, '') as scheme,
    cases.kind, cases.trained, count(*) as samples, count(distinct models.model_id) as models
from samples
join models using (model_id)
join cases using (case_name)
where coalesce(models.split, '') <> 'train'
group by all
order by all
