{{ config(materialized='view') }}

with

standings as (

    select * from {{ ref('int_consent__standings') }}

),

purposes as (

    {{ consent_purpose_rows() }}

),

addresses as (

    select
        -- keys
        standings.customer_id,
        cast(standings.purpose as {{ dbt.type_string() }}) as purpose,
        cast(standings.channel as {{ dbt.type_string() }}) as channel,
        cast(standings.address as {{ dbt.type_string() }}) as address,

        -- attributes
        cast(purposes.address_type as {{ dbt.type_string() }}) as address_type,
        cast(standings.status as {{ dbt.type_string() }}) as status,
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
        standings.record_key

    from standings
    inner join purposes
        on
            standings.purpose = purposes.purpose
            and standings.channel = purposes.channel
    where standings.address is not null

)

select * from addresses
