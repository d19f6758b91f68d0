{{ config(materialized='view') }}

{#- A yes to a banner is asked for anew when the first of its purposes expires. -#}
{% set months = consent_purpose_entries()
    | selectattr('banner_scope') | map(attribute='expires_after_months') | select | list %}

with

banner_events as (

    select * from {{ ref('fct_banner_events') }}

),

visitors as (

    select * from {{ ref('dim_banner_visitors') }}

),

-- Who allows everything allows what the version asks for, so its scopes are read there.
whole_answers as (

    select
        banner_events.policy_version,
        banner_events.policy_url,
        banner_events.scopes,
        banner_events.domains,
        banner_events.occurred_at,
        max(banner_events.occurred_at) over (
            partition by banner_events.policy_version
        ) as last_allowed_all_at,
        row_number() over (
            partition by banner_events.policy_version
            order by banner_events.occurred_at, banner_events.event_id
        ) as age_index

    from banner_events
    where
        banner_events.answer = 'allow_all'
        and banner_events.policy_version is not null

),

versions as (

    select
        whole_answers.*,
        row_number() over (
            order by whole_answers.occurred_at desc, whole_answers.policy_version
        ) as recency_index

    from whole_answers
    where whole_answers.age_index = 1

),

dated_visitors as (

    select
        visitors.last_policy_version,
        visitors.last_answer,
        {% if months %}
        {{ dbt.dateadd('month', months | min, 'visitors.last_answered_at') }} as expires_at
        {% else %}
        {{ dbt.cast('null', dbt.type_timestamp()) }} as expires_at
        {% endif %}

    from visitors

),

counts as (

    select
        visitors.last_policy_version as policy_version,
        count(*) as visitor_count,
        count(case when visitors.last_answer = 'allow_all' then 1 end) as allow_all_count,
        count(case when visitors.last_answer = 'allow_selected' then 1 end)
            as allow_selected_count,
        count(case when visitors.last_answer = 'deny_all' then 1 end) as deny_count,
        count(case when visitors.last_answer = 'pending' then 1 end) as pending_count,
        count(case when visitors.last_answer = 'expired' then 1 end) as expired_count,
        count(case when visitors.last_answer = 'withdrawn' then 1 end) as withdrawn_count,
        count(case when visitors.last_answer = 'implicit_consent' then 1 end) as implicit_count,
        count(
            case
                when
                    visitors.last_answer in ('allow_all', 'allow_selected')
                    and visitors.expires_at > {{ as_of() }}
                    and visitors.expires_at <= {{ dbt.dateadd('month', 6, as_of()) }}
                    then 1
            end
        ) as soon_expired_count

    from dated_visitors as visitors
    where visitors.last_policy_version is not null
    group by visitors.last_policy_version

),

counted_versions as (

    select
        -- keys
        versions.policy_version,

        -- attributes
        versions.policy_url,
        versions.scopes,
        versions.domains,

        -- booleans
        versions.recency_index = 1 as is_latest_version,

        -- measures
        cast(coalesce(counts.visitor_count, 0) as {{ dbt.type_bigint() }}) as visitor_count,
        cast(coalesce(counts.allow_all_count, 0) as {{ dbt.type_bigint() }}) as allow_all_count,
        cast(coalesce(counts.allow_selected_count, 0) as {{ dbt.type_bigint() }})
            as allow_selected_count,
        cast(coalesce(counts.deny_count, 0) as {{ dbt.type_bigint() }}) as deny_count,
        cast(coalesce(counts.pending_count, 0) as {{ dbt.type_bigint() }}) as pending_count,
        cast(coalesce(counts.expired_count, 0) as {{ dbt.type_bigint() }}) as expired_count,
        cast(coalesce(counts.withdrawn_count, 0) as {{ dbt.type_bigint() }}) as withdrawn_count,
        cast(coalesce(counts.implicit_count, 0) as {{ dbt.type_bigint() }}) as implicit_count,
        cast(coalesce(counts.soon_expired_count, 0) as {{ dbt.type_bigint() }})
            as soon_expired_count,

        -- timestamps
        versions.occurred_at as started_at,
        versions.last_allowed_all_at

    from versions
    left join counts on versions.policy_version = counts.policy_version

)

select * from counted_versions
