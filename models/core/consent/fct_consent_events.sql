{{ config(materialized='view') }}

with

answers as (

    select * from {{ ref('int_consent__answers') }}

),

-- What is dated after as_of waits until then.
consent_events as (

    select
        -- keys
        cast(answers.consent_event_key as {{ dbt.type_string() }}) as consent_event_key,
        answers.customer_id,

        -- attributes
        cast(answers.purpose as {{ dbt.type_string() }}) as purpose,
        cast(answers.channel as {{ dbt.type_string() }}) as channel,
        cast(answers.action as {{ dbt.type_string() }}) as action,
        cast(answers.identifier_type as {{ dbt.type_string() }}) as identifier_type,
        answers.identifier_value,
        cast(answers.given_for as {{ dbt.type_string() }}) as given_for,
        answers.consent_source,
        answers.legal_basis,
        answers.policy_version,

        -- evidence
        cast(answers.source_model as {{ dbt.type_string() }}) as source_model,
        answers.record_key,

        -- timestamps
        answers.recorded_at

    from answers
    where
        answers.recorded_at is null
        or answers.recorded_at <= {{ as_of() }}

)

select * from consent_events
