{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='visit_scope',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'page_view_key is null'}
) }}

{% set rules = session_rules() %}
{% set lead = '-' ~ rules.ping_lead_seconds %}
{% set before_first_ping = dbt.dateadd('second', lead, 'ranked.occurred_at') %}
{# A later run says of a visit that is no more that it makes way. #}
{% set way_of_join = 'left' if is_incremental() else 'inner' %}

with

touched as (

    {{ touched_visits() }}

),

page_hits as (

    select
        hits.*,
        cut.session_key,
        cut.page_view_key,
        cut.gap_seconds

    from {{ ref('int_sessions__cut') }} as cut
    inner join touched on cut.visit_scope = touched.visit_scope
    -- one row per hit: a hit is current under one visit only
    inner join {{ ref('int_sessions__hits') }} as hits
        on
            cut.hit_key = hits.hit_key
            and hits.is_current
    where
        not cut.is_runaway
        and cut.page_view_key is not null

),

-- A page may be viewed twice under one id: the first time counts.
ranked as (

    select
        page_hits.*,
        row_number() over (
            partition by page_hits.session_key, page_hits.page_view_key
            order by
                case page_hits.hit_kind when 'page_view' then 0 else 1 end,
                page_hits.occurred_at,
                page_hits.received_at,
                page_hits.hit_key
        ) as hit_rank

    from page_hits
    where page_hits.hit_kind in ('page_view', 'page_ping')

),

figures as (

    select
        page_hits.session_key,
        page_hits.page_view_key,
        sum(page_hits.gap_seconds) as gap_seconds,
        count(distinct case
            when page_hits.hit_kind = 'page_ping'
                then floor({{ epoch_seconds('page_hits.occurred_at') }} / {{ rules.ping_seconds }})
        end) as ping_count,
        max(case
            when page_hits.hit_kind = 'page_ping' then page_hits.occurred_at
        end) as last_ping_at

    from page_hits
    group by
        page_hits.session_key,
        page_hits.page_view_key

),

-- A page that pings were heard of, but no view, was there one lead before its first ping.
measured as (

    select
        ranked.*,
        ranked.hit_kind = 'page_view' as is_viewed,
        case
            when ranked.hit_kind = 'page_view' then ranked.occurred_at
            else {{ before_first_ping }}
        end as started_at,
        case
            when figures.last_ping_at > ranked.occurred_at then figures.last_ping_at
            else ranked.occurred_at
        end as ended_at,
        case
            when figures.ping_count > 0
                then
                    {{ rules.ping_seconds }} * (figures.ping_count - 1)
                    + {{ rules.ping_lead_seconds }}
            else figures.gap_seconds
        end as engaged_seconds

    from ranked
    inner join figures
        on
            ranked.session_key = figures.session_key
            and ranked.page_view_key = figures.page_view_key
    where ranked.hit_rank = 1

),

numbered as (

    select
        touched.visit_scope,
        measured.session_key,
        measured.page_view_key,
        measured.hit_key,
        measured.is_viewed,
        measured.started_at,
        measured.ended_at,
        cast(round(measured.engaged_seconds) as {{ dbt.type_bigint() }}) as engaged_seconds,
        cast(case
            when measured.is_viewed
                then row_number() over (
                    partition by measured.session_key
                    order by
                        case when measured.is_viewed then 0 else 1 end,
                        measured.started_at,
                        measured.hit_key
                )
        end as {{ dbt.type_bigint() }}) as page_view_index,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from touched
    {{ way_of_join }} join measured on touched.visit_scope = measured.visit_scope

)

select * from numbered
