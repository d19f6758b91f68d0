{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='visit_scope',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'hit_key is null'}
) }}

{% set rules = session_rules() %}
{% set idle_until = dbt.dateadd('minute', rules.idle_minutes, 'followed.previous_occurred_at') %}
{% set time_zone = text_literal(rules.midnight_time_zone) %}
{# A later run says of a visit that is no more that it makes way. #}
{% set way_of_join = 'left' if is_incremental() else 'inner' %}

with

touched as (

    {{ touched_visits() }}

),

hits as (

    select
        hits.*,
        row_number() over (
            partition by hits.visit_scope
            order by hits.occurred_at, hits.hit_key
        ) as scope_index

    from {{ ref('int_sessions__hits') }} as hits
    inner join touched on hits.visit_scope = touched.visit_scope
    where
        hits.is_current
        and hits.recheck_at is null

),

-- The campaign that a hit came by stays until another one is named.
campaigns as (

    select
        hits.*,
        case
            when hits.utm_source is not null or hits.utm_campaign is not null
                then
                    coalesce(hits.utm_source, '')
                    || '|' || coalesce(hits.utm_medium, '')
                    || '|' || coalesce(hits.utm_campaign, '')
        end as campaign,
        count(coalesce(hits.utm_source, hits.utm_campaign)) over (
            partition by hits.visit_scope
            order by hits.scope_index
            rows between unbounded preceding and current row
        ) as campaign_index

    from hits

),

carried as (

    select
        campaigns.*,
        max(campaigns.campaign) over (
            partition by campaigns.visit_scope, campaigns.campaign_index
        ) as carried_campaign

    from campaigns

),

followed as (

    select
        carried.*,
        lag(carried.occurred_at) over (
            partition by carried.visit_scope
            order by carried.scope_index
        ) as previous_occurred_at,
        lag(carried.carried_campaign) over (
            partition by carried.visit_scope
            order by carried.scope_index
        ) as previous_campaign

    from carried

),

-- A tracker that counts visits is believed; others are cut where they pause.
starts as (

    select
        followed.*,
        case
            when followed.scope_index = 1 then 1
            when followed.session_id is not null then 0
            when
                followed.occurred_at
                > {{ idle_until }}
                then 1
            {% if rules.midnight_time_zone %}
            when
                {{ local_date('followed.occurred_at', time_zone) }}
                <> {{ local_date('followed.previous_occurred_at', time_zone) }}
                then 1
            {% endif %}
            {% if rules.is_split_by_campaign %}
            when followed.campaign <> coalesce(followed.previous_campaign, '') then 1
            {% endif %}
            else 0
        end as session_start

    from followed

),

numbered as (

    select
        starts.*,
        sum(starts.session_start) over (
            partition by starts.visit_scope
            order by starts.scope_index
            rows between unbounded preceding and current row
        ) as session_number

    from starts

),

-- A session is named by its first hit, so a late hit before it gives it another name; a tracker's
-- own by the tracker.
named as (

    select
        numbered.*,
        first_value(numbered.hit_key) over (
            partition by numbered.visit_scope, numbered.session_number
            order by numbered.scope_index
        ) as first_hit_key,
        row_number() over (
            partition by numbered.visit_scope, numbered.session_number
            order by numbered.scope_index
        ) as hit_index,
        min(numbered.received_at) over (
            partition by numbered.visit_scope, numbered.session_number
        ) as first_received_at

    from numbered

),

-- What comes later, or is more, than a person does in one visit belongs to none.
judged as (

    select
        named.*,
        (
            {{ rules.max_days }} > 0
            and named.received_at
            > {{ dbt.dateadd('day', rules.max_days, 'named.first_received_at') }}
        )
        or (
            {{ rules.max_events }} > 0
            and named.hit_index > {{ rules.max_events }}
        ) as is_runaway,
        max(case when named.hit_kind = 'page_ping' then 1 else 0 end) over (
            partition by named.visit_scope, named.session_number
        ) as has_pings

    from named

),

-- A page view that the tracker does not number lasts until the next one.
paged as (

    select
        judged.*,
        lead(judged.occurred_at) over (
            partition by judged.visit_scope, judged.session_number, judged.is_runaway
            order by judged.scope_index
        ) as next_occurred_at,
        sum(case when judged.hit_kind = 'page_view' then 1 else 0 end) over (
            partition by judged.visit_scope, judged.session_number
            order by judged.is_runaway, judged.scope_index
            rows between unbounded preceding and current row
        ) as page_number

    from judged

),

cut as (

    select
        touched.visit_scope,
        paged.hit_key,
        case
            when paged.session_id is not null then {{ dbt.hash('touched.visit_scope') }}
            else {{ dbt.hash("touched.visit_scope || '|' || paged.first_hit_key") }}
        end as session_key,
        case
            when paged.page_view_id is not null
                then paged.source_name || ':' || paged.page_view_id
            when paged.page_number > 0
                then
                    max(case when paged.hit_kind = 'page_view' then paged.hit_key end) over (
                        partition by paged.visit_scope, paged.session_number, paged.page_number
                    )
        end as page_view_key,
        cast(paged.hit_index as {{ dbt.type_bigint() }}) as hit_index,
        paged.is_runaway,
        -- seconds until the next hit, as far as somebody may have looked on
        case
            when paged.has_pings = 1 or paged.is_runaway or paged.next_occurred_at is null then 0
            else least(
                {{ epoch_seconds('paged.next_occurred_at') }}
                - {{ epoch_seconds('paged.occurred_at') }},
                {{ rules.max_gap_seconds }}
            )
        end as gap_seconds,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from touched
    {{ way_of_join }} join paged on touched.visit_scope = paged.visit_scope

)

select * from cut
