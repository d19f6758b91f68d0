{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'purpose is null'}
) }}

{#- What each customer allows, and what each of their addresses may be used for, by one rule: a yes
    stands until it expires, or until a no that is not earlier, for whichever of the customer's
    addresses or accounts it was said. docs/how-to/ask-for-consent.md tells it with examples. -#}

with

purposes as (

    {{ consent_purpose_rows() }}

),

{% if is_incremental() %}
touched as (

    {{ touched_customers(recheck_at='recheck_at') }}

),
{% endif %}

customers as (

    select clusters.customer_id
    from {{ ref('identity_clusters') }} as clusters
    {% if is_incremental() %}
    inner join touched on clusters.customer_id = touched.customer_id
    {% endif %}

),

answers as (

    select answers.*
    from {{ ref('int_consent__answers') }} as answers
    inner join customers on answers.customer_id = customers.customer_id

),

identifiers as (

    select
        identifiers.customer_id,
        identifiers.identifier_type,
        identifiers.identifier_value

    from {{ ref('identity_map') }} as identifiers
    inner join customers on identifiers.customer_id = customers.customer_id
    where not identifiers.is_shared

),

-- The customer's own addresses, and those that an answer names: a shared one may be used when it
-- was asked about.
addresses as (

    select
        identifiers.customer_id,
        purposes.purpose,
        purposes.channel,
        identifiers.identifier_value as address

    from identifiers
    -- a type of address may serve several purposes
    inner join purposes on identifiers.identifier_type = purposes.address_type

    -- union, not union all: one row per address
    union

    select
        answers.customer_id,
        answers.purpose,
        answers.channel,
        answers.identifier_value

    from answers
    where answers.given_for = 'address'

),

-- The customer as a whole has no address.
scopes as (

    select
        customers.customer_id,
        purposes.purpose,
        purposes.channel,
        {{ dbt.cast('null', dbt.type_string()) }} as address

    from customers
    cross join purposes

    union all

    select * from addresses

    {% if is_incremental() %}
    union all

    -- who is no more makes way: a row without a purpose
    select
        touched.customer_id,
        {{ dbt.cast('null', dbt.type_string()) }} as purpose,
        {{ dbt.cast('null', dbt.type_string()) }} as channel,
        {{ dbt.cast('null', dbt.type_string()) }} as address

    from touched
    left join customers on touched.customer_id = customers.customer_id
    where customers.customer_id is null
    {% endif %}

),

-- A yes for an address that cannot be read counts for none; a no counts all the same.
words as (

    select
        answers.customer_id,
        answers.purpose,
        answers.channel,
        case when answers.given_for = 'address' then answers.identifier_value end as address,
        answers.identifier_type,
        answers.identifier_value,
        answers.action = 'granted' as is_yes,
        answers.recorded_at,
        case
            when
                answers.action = 'granted'
                and coalesce(answers.legal_basis, 'consent') = 'consent'
                then purposes.expires_after_months
            else {{ dbt.cast('null', dbt.type_int()) }}
        end as valid_months,
        answers.consent_event_key,
        answers.consent_source,
        answers.legal_basis,
        answers.policy_version,
        answers.source_model,
        answers.record_key

    from answers
    inner join purposes
        on
            answers.purpose = purposes.purpose
            and answers.channel = purposes.channel
    where not (answers.action = 'granted' and answers.given_for = 'unreadable_address')

),

dated_words as (

    select
        words.*,
        {{ dbt.dateadd('month', 'words.valid_months', 'words.recorded_at') }} as expires_at

    from words

),

-- Whose word counts where: a yes for the address it was given for (or for all, when it was the
-- person's), a no for everything of the customer.
heard as (

    select
        scopes.customer_id,
        scopes.purpose,
        scopes.channel,
        scopes.address,
        dated_words.is_yes,
        dated_words.recorded_at,
        dated_words.expires_at,
        -- a yes of unknown age that may have expired has
        dated_words.valid_months is not null
        and coalesce(dated_words.expires_at <= {{ as_of() }}, true) as is_expired,
        dated_words.identifier_type,
        dated_words.identifier_value,
        dated_words.consent_event_key,
        dated_words.consent_source,
        dated_words.legal_basis,
        dated_words.policy_version,
        dated_words.source_model,
        dated_words.record_key

    from scopes
    inner join dated_words
        on
            scopes.customer_id = dated_words.customer_id
            and scopes.purpose = dated_words.purpose
            and scopes.channel = dated_words.channel
    where
        (dated_words.recorded_at is null or dated_words.recorded_at <= {{ as_of() }})
        and (
            scopes.address is null
            or not dated_words.is_yes
            or dated_words.address is null
            or dated_words.address = scopes.address
        )

),

weighed as (

    select
        heard.*,
        max(case when not heard.is_yes then heard.recorded_at end) over (
            partition by heard.customer_id, heard.purpose, heard.channel, heard.address
        ) as last_no_at,
        sum(case when not heard.is_yes and heard.recorded_at is null then 1 else 0 end) over (
            partition by heard.customer_id, heard.purpose, heard.channel, heard.address
        ) as undated_no_count,
        sum(case when heard.is_yes then 1 else 0 end) over (
            partition by heard.customer_id, heard.purpose, heard.channel, heard.address
        ) as yes_count

    from heard

),

-- A no without a time counts as the latest word, a yes without one as the first.
judged as (

    select
        weighed.*,
        weighed.is_yes
        and not weighed.is_expired
        and weighed.undated_no_count = 0
        and (
            weighed.last_no_at is null
            or coalesce(weighed.recorded_at > weighed.last_no_at, false)
        ) as stands

    from weighed

),

-- The latest yes that stands decides; without one the latest word. At the same instant no comes
-- before yes.
ranked as (

    select
        judged.*,
        row_number() over (
            partition by judged.customer_id, judged.purpose, judged.channel, judged.address
            order by
                case when judged.stands then 0 else 1 end,
                case when judged.recorded_at is null and not judged.is_yes then 0 else 1 end,
                case when judged.recorded_at is null then 1 else 0 end,
                judged.recorded_at desc,
                case when judged.is_yes then 1 else 0 end,
                judged.consent_event_key
        ) as decision_index

    from judged

),

decisions as (

    select * from ranked
    where decision_index = 1

),

-- Words dated after as_of, for the day on which they count.
waiting as (

    select
        words.customer_id,
        words.purpose,
        words.channel,
        min(words.recorded_at) as next_word_at

    from words
    where words.recorded_at > {{ as_of() }}
    group by
        words.customer_id,
        words.purpose,
        words.channel

),

standings as (

    select
        scopes.customer_id,
        scopes.purpose,
        scopes.channel,
        scopes.address,
        case
            when decisions.consent_event_key is null then 'never_asked'
            when decisions.stands then 'granted'
            when decisions.is_yes then 'expired'
            when decisions.yes_count > 0 then 'withdrawn'
            else 'denied'
        end as status,
        coalesce(decisions.stands, false) as is_granted,
        decisions.identifier_type,
        decisions.identifier_value,
        decisions.consent_source,
        decisions.legal_basis,
        decisions.policy_version,
        decisions.recorded_at,
        decisions.expires_at,
        decisions.consent_event_key,
        decisions.source_model,
        decisions.record_key,
        case
            when
                decisions.stands
                and decisions.expires_at < coalesce(waiting.next_word_at, decisions.expires_at)
                then decisions.expires_at
            when decisions.stands then coalesce(waiting.next_word_at, decisions.expires_at)
            else waiting.next_word_at
        end as recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from scopes
    left join decisions
        on
            scopes.customer_id = decisions.customer_id
            and scopes.purpose = decisions.purpose
            and scopes.channel = decisions.channel
            and scopes.address is not distinct from decisions.address
    left join waiting
        on
            scopes.customer_id = waiting.customer_id
            and scopes.purpose = waiting.purpose
            and scopes.channel = waiting.channel

)

select * from standings
