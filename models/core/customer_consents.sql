with

consent_events as (

    select * from {{ ref('fct_consent_events') }}

),

-- The latest word counts. At the same instant, and where a word has no time, no beats yes.
ranked as (

    select
        consent_events.*,
        row_number() over (
            partition by consent_events.customer_id, consent_events.purpose
            order by
                case
                    when
                        consent_events.recorded_at is null and consent_events.action = 'withdrawn'
                        then 0
                    else 1
                end,
                case when consent_events.recorded_at is null then 1 else 0 end,
                consent_events.recorded_at desc,
                case when consent_events.action = 'granted' then 1 else 0 end,
                consent_events.consent_event_key
        ) as recency_index

    from consent_events
    where consent_events.customer_id is not null

),

consents as (

    select
        -- keys
        ranked.customer_id,
        ranked.purpose,

        -- attributes
        ranked.consent_source,
        ranked.legal_basis,
        ranked.policy_version,

        -- booleans
        cast(ranked.action = 'granted' as {{ dbt.type_boolean() }}) as is_granted,

        -- timestamps
        ranked.recorded_at,

        -- evidence
        ranked.consent_event_key

    from ranked
    where ranked.recency_index = 1

)

select * from consents
