{{ config(materialized='view') }}

with

field_values as (

    select * from {{ ref('int_customers__field_values') }}

),

corrections as (

    select * from {{ ref('int_profile__corrections') }}

),

ranked as (

    select
        -- keys
        field_values.customer_id,
        field_values.field_name,
        field_values.value_rank,

        -- attributes
        field_values.field_value,
        field_values.rule_name,

        -- evidence
        field_values.source_model,
        field_values.record_key,
        field_values.observed_at,
        field_values.is_verified,
        field_values.sighting_count,
        field_values.correction_state,
        corrections.author as corrected_by,
        corrections.reason as correction_reason,

        -- bookkeeping
        field_values.recheck_at,
        field_values.changed_run

    from field_values
    left join corrections
        on
            field_values.record_key = corrections.correction_id
            and field_values.source_model = 'int_profile__corrections'
    where field_values.field_name is not null

)

select * from ranked
