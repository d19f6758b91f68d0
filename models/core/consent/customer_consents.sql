{{ config(materialized='view') }}

with

standings as (

    select * from {{ ref('int_consent__standings') }}

),

consents as (

    select
        -- keys
        standings.customer_id,
        cast(standings.purpose as {{ dbt.type_string() }}) as purpose,
        cast(standings.channel as {{ dbt.type_string() }}) as channel,

        -- attributes
        cast(standings.status as {{ dbt.type_string() }}) as status,
        standings.identifier_type,
        standings.identifier_value,
        standings.consent_source,
        standings.legal_basis,
        standings.policy_version,

        -- booleans
        standings.is_granted,

        -- timestamps
        standings.recorded_at,
        standings.expires_at,

        -- evidence
        standings.consent_event_key,
        standings.source_model,
        standings.record_key,

        -- bookkeeping
        standings.recheck_at,
        standings.changed_run

    from standings
    where standings.address is null

)

select * from consents
