{{ config(materialized='view') }}

with

addresses as (

    select * from {{ ref('customer_consent_addresses') }}

),

answers as (

    select * from {{ ref('fct_consent_events') }}

),

field_values as (

    select * from {{ ref('customer_field_values') }}

),

-- Whoever said no for an address, whosever customer that is: somebody else may have typed it.
refused_addresses as (

    select
        answers.purpose,
        answers.channel,
        answers.identifier_value as address,
        max(answers.recorded_at) as refused_at,
        count(*) - count(answers.recorded_at) as undated_count

    from answers
    where
        answers.given_for = 'address'
        and answers.action <> 'granted'
    group by
        answers.purpose,
        answers.channel,
        answers.identifier_value

),

usable_addresses as (

    select addresses.*
    from addresses
    left join refused_addresses
        on
            addresses.purpose = refused_addresses.purpose
            and addresses.channel = refused_addresses.channel
            and addresses.address = refused_addresses.address
    where
        addresses.is_granted
        and (
            refused_addresses.address is null
            or (
                refused_addresses.undated_count = 0
                and addresses.recorded_at > refused_addresses.refused_at
            )
        )

),

shown_addresses as (

    select
        field_values.customer_id,
        field_values.field_name as address_type,
        field_values.field_value as address

    from field_values
    where field_values.value_rank = 1

),

-- The address that the profile shows comes first, then the one agreed to last. A field has one
-- value of rank 1, so the join keeps one row per address.
ranked as (

    select
        usable_addresses.*,
        row_number() over (
            partition by
                usable_addresses.customer_id,
                usable_addresses.purpose,
                usable_addresses.channel
            order by
                case when shown_addresses.address is not null then 0 else 1 end,
                case when usable_addresses.recorded_at is null then 1 else 0 end,
                usable_addresses.recorded_at desc,
                usable_addresses.address
        ) as address_index

    from usable_addresses
    left join shown_addresses
        on
            usable_addresses.customer_id = shown_addresses.customer_id
            and usable_addresses.address_type = shown_addresses.address_type
            and usable_addresses.address = shown_addresses.address

),

recipients as (

    select
        -- keys
        ranked.customer_id,
        ranked.purpose,
        ranked.channel,

        -- attributes
        ranked.address_type,
        ranked.address,
        ranked.legal_basis,

        -- timestamps
        ranked.recorded_at as consented_at,
        ranked.expires_at,

        -- evidence
        ranked.consent_event_key

    from ranked
    where ranked.address_index = 1

)

select * from recipients
