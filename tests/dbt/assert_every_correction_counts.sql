-- A correction that names nobody or several people, or that cannot be read, counts for nothing.
{{ config(severity='warn', meta={
    'owner': 'analytics@example.com',
    'dagster': {'ref': {'name': 'customer_field_values'}},
}) }}

with

corrections as (

    select * from {{ ref('int_profile__corrections') }}

),

records as (

    select * from {{ ref('int_core__records') }}

),

corrections_for_nothing as (

    select
        corrections.correction_id,
        case
            when corrections.field_value is null then 'value cannot be read'
            else 'identifier names nobody, or several people'
        end as complaint

    from corrections
    left join records
        on
            corrections.correction_id = records.record_key
            and records.source_model = 'int_profile__corrections'
            and records.is_current
    where
        corrections.field_value is null
        or records.customer_id is null

)

select * from corrections_for_nothing
