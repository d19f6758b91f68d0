{{ config(materialized='view') }}

with

banner_events as (

    select * from {{ ref('fct_banner_events') }}

),

answers as (

    select
        banner_events.*,
        row_number() over (
            partition by banner_events.anonymous_id
            order by banner_events.occurred_at desc, banner_events.event_id
        ) as recency_index

    from banner_events
    where banner_events.event_name = 'banner_answered'

),

latest_answers as (

    select * from answers
    where recency_index = 1

),

latest_events as (

    select
        banner_events.*,
        row_number() over (
            partition by banner_events.anonymous_id
            order by banner_events.occurred_at desc, banner_events.event_id
        ) as recency_index

    from banner_events

),

counts as (

    select
        banner_events.anonymous_id,
        count(case when banner_events.event_name = 'banner_shown' then 1 end) as shown_count,
        count(case when banner_events.event_name = 'banner_answered' then 1 end)
            as answered_count,
        max(case when banner_events.event_name = 'banner_shown' then banner_events.occurred_at end)
            as last_shown_at,
        max(banner_events.loaded_at) as last_loaded_at

    from banner_events
    where banner_events.anonymous_id is not null
    group by banner_events.anonymous_id

),

-- A version begins with the first visitor who allowed everything under it; the one that began last
-- is asked for now.
versions as (

    select
        answers.policy_version,
        min(answers.occurred_at) as started_at

    from answers
    where answers.answer = 'allow_all'
    group by answers.policy_version

),

latest_versions as (

    select
        versions.policy_version,
        row_number() over (
            order by versions.started_at desc, versions.policy_version
        ) as recency_index

    from versions

),

visitors as (

    select
        -- keys
        counts.anonymous_id,
        latest_events.customer_id,
        latest_events.user_id,

        -- attributes
        latest_events.country_code,
        latest_answers.answer as last_answer,
        latest_answers.scopes as last_scopes,
        latest_answers.policy_version as last_policy_version,
        latest_answers.policy_url as last_policy_url,
        latest_answers.domains as last_domains,

        -- booleans
        latest_versions.policy_version is not null as is_latest_version,

        -- measures
        cast(counts.shown_count as {{ dbt.type_bigint() }}) as shown_count,
        cast(counts.answered_count as {{ dbt.type_bigint() }}) as answered_count,

        -- timestamps
        counts.last_shown_at,
        latest_answers.occurred_at as last_answered_at,
        counts.last_loaded_at

    from counts
    inner join latest_events
        on
            counts.anonymous_id = latest_events.anonymous_id
            and latest_events.recency_index = 1
    left join latest_answers on counts.anonymous_id = latest_answers.anonymous_id
    left join latest_versions
        on
            latest_answers.policy_version = latest_versions.policy_version
            and latest_versions.recency_index = 1

)

select * from visitors
