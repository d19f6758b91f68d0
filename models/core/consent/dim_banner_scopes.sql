{{ config(materialized='view') }}

with

visitors as (

    select * from {{ ref('dim_banner_visitors') }}

),

-- Who was asked under an older version is to be asked again.
asked_visitors as (

    select
        visitors.anonymous_id,
        replace(visitors.last_scopes, ' ', '') as scope_list

    from visitors
    where visitors.is_latest_version

),

allowed_scopes as (

    {{ split_rows('asked_visitors', 'anonymous_id', 'scope_list', ',', 'scope') }}

),

scopes as (

    select
        -- keys
        allowed_scopes.scope,

        -- measures
        cast(count(*) as {{ dbt.type_bigint() }}) as visitor_count

    from allowed_scopes
    group by allowed_scopes.scope

)

select * from scopes
