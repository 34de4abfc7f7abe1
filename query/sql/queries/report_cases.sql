-- report_cases: what each test case is about, and what there is to measure in it.
-- reads    models, samples
-- params   none
-- returns  case_name, split, scheme VARCHAR ('' where there is none), kind VARCHAR ('object', 'style' or null: of the
--          case, where its models agree), trained BOOLEAN (the case has models to learn from),
--          samples, models BIGINT; splits to learn from are left out
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
