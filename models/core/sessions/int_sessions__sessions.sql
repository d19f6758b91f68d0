{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='visit_scope',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'session_key is null'}
) }}

{% set rules = session_rules() %}
{% set is_conversion = is_listed('ranked.event_name', rules.conversion_events) %}
{# A later run says of a visit that is no more that it makes way. #}
{% set way_of_join = 'left' if is_incremental() else 'inner' %}

with

touched as (

    {{ touched_visits() }}

),

cut_hits as (

    select
        hits.*,
        cut.session_key,
        cut.hit_index,
        cut.is_runaway,
        cut.gap_seconds

    from {{ ref('int_sessions__cut') }} as cut
    inner join touched on cut.visit_scope = touched.visit_scope
    -- one row per hit: a hit is current under one visit only
    inner join {{ ref('int_sessions__hits') }} as hits
        on
            cut.hit_key = hits.hit_key
            and hits.is_current

),

runaways as (

    select
        cut_hits.session_key,
        count(*) as left_out_count,
        min(cut_hits.received_at) as first_received_at

    from cut_hits
    where cut_hits.is_runaway
    group by cut_hits.session_key

),

ranked as (

    select
        cut_hits.*,
        row_number() over (
            partition by cut_hits.session_key
            order by
                case when cut_hits.hit_kind = 'event' then 1 else 0 end,
                cut_hits.occurred_at,
                cut_hits.hit_key
        ) as first_index,
        row_number() over (
            partition by cut_hits.session_key
            order by
                case when cut_hits.hit_kind = 'event' then 1 else 0 end,
                cut_hits.occurred_at desc,
                cut_hits.hit_key desc
        ) as last_index,
        row_number() over (
            partition by cut_hits.session_key
            order by
                case when cut_hits.customer_id is null then 1 else 0 end,
                cut_hits.occurred_at desc,
                cut_hits.hit_key desc
        ) as customer_index

    from cut_hits
    where not cut_hits.is_runaway

),

first_hits as (

    select * from ranked
    where first_index = 1

),

last_hits as (

    select * from ranked
    where last_index = 1

),

-- Whose the session is, as far as is known now: whom its latest hit that names somebody names.
customers as (

    select
        ranked.session_key,
        ranked.customer_id

    from ranked
    where ranked.customer_index = 1

),

figures as (

    select
        ranked.session_key,
        count(*) as event_count,
        sum(case when ranked.hit_kind = 'event' then 1 else 0 end) as other_event_count,
        sum(case when {{ is_conversion }} then 1 else 0 end) as conversion_count,
        sum(ranked.gap_seconds) as gap_seconds,
        min(ranked.occurred_at) as first_at,
        max(ranked.occurred_at) as last_at,
        max(ranked.received_at) as last_received_at

    from ranked
    group by ranked.session_key

),

page_figures as (

    select
        page_views.session_key,
        count(*) as page_view_count,
        sum(page_views.engaged_seconds) as engaged_seconds,
        min(page_views.started_at) as first_page_at

    from {{ ref('int_sessions__page_views') }} as page_views
    inner join touched on page_views.visit_scope = touched.visit_scope
    group by page_views.session_key

),

sessions as (

    select
        first_hits.visit_scope,
        figures.session_key,
        customers.customer_id,
        first_hits.source_name,
        first_hits.session_id,
        first_hits.visitor_id,
        first_hits.source_name || ':' || first_hits.visitor_id as visitor_key,
        first_hits.user_id,
        first_hits.network_user_id,
        first_hits.app_id,
        first_hits.platform,
        first_hits.page_url as landing_page_url,
        first_hits.page_host as landing_page_host,
        first_hits.page_path as landing_page_path,
        first_hits.page_title as landing_page_title,
        last_hits.page_url as exit_page_url,
        last_hits.page_host as exit_page_host,
        last_hits.page_path as exit_page_path,
        last_hits.page_title as exit_page_title,
        first_hits.referrer_url,
        first_hits.referrer_host,
        first_hits.referrer_medium,
        first_hits.referrer_source,
        first_hits.referrer_term,
        first_hits.utm_source,
        first_hits.utm_medium,
        first_hits.utm_campaign,
        first_hits.utm_content,
        first_hits.utm_term,
        first_hits.click_id,
        first_hits.click_network,
        lower(coalesce(
            first_hits.utm_source,
            case when first_hits.click_network = 'Google' then 'google' end,
            case
                when coalesce(first_hits.referrer_host <> first_hits.page_host, true)
                    then first_hits.referrer_host
            end
        )) as traffic_source,
        lower(coalesce(
            first_hits.utm_medium,
            case when first_hits.click_network = 'Google' then 'cpc' end,
            case
                when coalesce(first_hits.referrer_host <> first_hits.page_host, false)
                    then 'referral'
            end
        )) as traffic_medium,
        lower(first_hits.utm_campaign) as traffic_campaign,
        first_hits.ip_address,
        first_hits.user_agent,
        first_hits.locale,
        first_hits.country_code,
        first_hits.region_name,
        first_hits.city,
        last_hits.country_code as last_country_code,
        last_hits.region_name as last_region_name,
        last_hits.city as last_city,
        last_hits.locale as last_locale,
        first_hits.tracker_session_index,
        coalesce(page_figures.page_view_count, 0) as page_view_count,
        figures.event_count,
        figures.other_event_count,
        figures.conversion_count,
        coalesce(page_figures.engaged_seconds, round(figures.gap_seconds)) as engaged_seconds,
        coalesce(runaways.left_out_count, 0) as left_out_count,
        -- it ran on; a stray row that names a session of long ago does not make it one that did
        {% if rules.max_days > 0 %}
        coalesce(
            runaways.first_received_at
            <= {{ dbt.dateadd('day', rules.max_days, 'figures.last_received_at') }},
            false
        ) as is_quarantined,
        {% else %}
        runaways.session_key is not null as is_quarantined,
        {% endif %}
        case
            when page_figures.first_page_at < figures.first_at then page_figures.first_page_at
            else figures.first_at
        end as started_at,
        figures.last_at as ended_at

    from figures
    inner join first_hits on figures.session_key = first_hits.session_key
    inner join last_hits on figures.session_key = last_hits.session_key
    inner join customers on figures.session_key = customers.session_key
    left join page_figures on figures.session_key = page_figures.session_key
    left join runaways on figures.session_key = runaways.session_key
    {% if rules.is_page_view_needed %}
    where page_figures.page_view_count > 0
    {% endif %}

),

-- A rule without a pattern holds for everything.
channel_groups as (

    select
        rules.rule_index,
        rules.channel_group,
        coalesce(rules.source_pattern, '') as source_pattern,
        coalesce(rules.medium_pattern, '') as medium_pattern,
        coalesce(rules.campaign_pattern, '') as campaign_pattern

    from {{ ref('channel_groups') }} as rules

),

-- Few kinds of traffic bring many sessions, so each kind is grouped once.
traffic as (

    select distinct
        coalesce(sessions.traffic_source, '') as traffic_source,
        coalesce(sessions.traffic_medium, '') as traffic_medium,
        coalesce(sessions.traffic_campaign, '') as traffic_campaign

    from sessions

),

grouped_traffic as (

    select
        traffic.traffic_source,
        traffic.traffic_medium,
        traffic.traffic_campaign,
        channel_groups.channel_group,
        row_number() over (
            partition by
                traffic.traffic_source,
                traffic.traffic_medium,
                traffic.traffic_campaign
            order by channel_groups.rule_index
        ) as match_index

    from traffic
    inner join channel_groups
        on
            {{ matches_pattern('traffic.traffic_source', 'channel_groups.source_pattern') }}
            and {{ matches_pattern('traffic.traffic_medium', 'channel_groups.medium_pattern') }}
            and {{ matches_pattern('traffic.traffic_campaign', 'channel_groups.campaign_pattern') }}

),

user_agents as (

    select distinct sessions.user_agent
    from sessions
    where sessions.user_agent is not null

),

bots as (

    select distinct user_agents.user_agent
    from user_agents
    inner join {{ ref('bot_user_agents') }} as bot_user_agents
        on {{ matches_pattern('lower(user_agents.user_agent)', 'bot_user_agents.pattern') }}

),

marked as (

    select
        touched.visit_scope,
        sessions.session_key,
        sessions.customer_id,
        sessions.source_name,
        sessions.session_id,
        sessions.visitor_id,
        sessions.visitor_key,
        sessions.user_id,
        sessions.network_user_id,
        sessions.app_id,
        sessions.platform,
        sessions.landing_page_url,
        sessions.landing_page_host,
        sessions.landing_page_path,
        sessions.landing_page_title,
        sessions.exit_page_url,
        sessions.exit_page_host,
        sessions.exit_page_path,
        sessions.exit_page_title,
        sessions.referrer_url,
        sessions.referrer_host,
        sessions.referrer_medium,
        sessions.referrer_source,
        sessions.referrer_term,
        sessions.utm_source,
        sessions.utm_medium,
        sessions.utm_campaign,
        sessions.utm_content,
        sessions.utm_term,
        sessions.click_id,
        sessions.click_network,
        sessions.traffic_source,
        sessions.traffic_medium,
        sessions.traffic_campaign,
        coalesce(grouped_traffic.channel_group, 'Unassigned') as channel_group,
        sessions.locale,
        sessions.country_code,
        sessions.region_name,
        sessions.city,
        sessions.last_country_code,
        sessions.last_region_name,
        sessions.last_city,
        sessions.last_locale,
        bots.user_agent is not null as is_bot,
        {{ begins_with('sessions.ip_address', rules.internal_ip_prefixes) }} as is_internal_ip,
        sessions.is_quarantined,
        sessions.tracker_session_index,
        cast(sessions.page_view_count as {{ dbt.type_bigint() }}) as page_view_count,
        cast(sessions.event_count as {{ dbt.type_bigint() }}) as event_count,
        cast(sessions.other_event_count as {{ dbt.type_bigint() }}) as other_event_count,
        cast(sessions.conversion_count as {{ dbt.type_bigint() }}) as conversion_count,
        cast(sessions.engaged_seconds as {{ dbt.type_bigint() }}) as engaged_seconds,
        cast(sessions.left_out_count as {{ dbt.type_bigint() }}) as left_out_count,
        sessions.started_at,
        sessions.ended_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from touched
    {{ way_of_join }} join sessions on touched.visit_scope = sessions.visit_scope
    left join grouped_traffic
        on
            coalesce(sessions.traffic_source, '') = grouped_traffic.traffic_source
            and coalesce(sessions.traffic_medium, '') = grouped_traffic.traffic_medium
            and coalesce(sessions.traffic_campaign, '') = grouped_traffic.traffic_campaign
            and grouped_traffic.match_index = 1
    left join bots on sessions.user_agent = bots.user_agent

)

select * from marked
