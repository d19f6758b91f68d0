{{ config(
    enabled='household' in audience_entities(),
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='sync_all_columns',
    full_refresh=false
) }}

-- Only brings its columns in step. Its rows are written with the memberships that they explain, in
-- one transaction (macros/audiences/record_evaluations.sql).

with

conditions as (

    select * from {{ ref('int_audiences__household_conditions') }}

)

select * from conditions
where false
