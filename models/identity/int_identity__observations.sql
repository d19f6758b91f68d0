{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='fingerprint'
) }}

with

changed_records as (

    select records.*
    from {{ ref('int_identity__records') }} as records
    where records.changed_run > {{ last_own_run() }}

),

record_identifiers as (

    {{ record_identifiers('changed_records') }}

),

registry as (

    select * from {{ ref('int_identity__registry') }}

),

observations as (

    select
        record_identifiers.fingerprint,
        registry.node_id,
        registry.identifier_type,
        record_identifiers.first_seen_at,
        record_identifiers.last_seen_at,
        record_identifiers.record_count,
        record_identifiers.is_current,
        {{ current_run() }} as changed_run

    from record_identifiers
    inner join registry
        on
            record_identifiers.identifier_type = registry.identifier_type
            and record_identifiers.identifier_value = registry.identifier_value

)

select * from observations
