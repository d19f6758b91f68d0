{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['audience_name', 'size_date'],
    on_schema_change='append_new_columns',
    full_refresh=false
) }}

-- A later run counts the day that was counted last anew, and every one since.

with

evaluations as (

    select * from {{ ref('int_audiences__evaluations') }}
    {% if is_incremental() %}
    where recorded_at >= (select max(sizes.size_date) from {{ this }} as sizes)
    {% endif %}

),

evaluated_days as (

    select
        evaluations.audience_name,
        evaluations.entity,
        evaluations.definition_version,
        evaluations.recorded_at,
        cast({{ dbt.date_trunc('day', 'evaluations.recorded_at') }} as {{ dbt.type_timestamp() }})
            as began_at,
        row_number() over (
            partition by
                evaluations.audience_name,
                {{ dbt.date_trunc('day', 'evaluations.recorded_at') }}
            order by evaluations.recorded_at desc, evaluations.changed_run desc
        ) as recency_index

    from evaluations

),

days as (

    select * from evaluated_days
    where recency_index = 1

),

memberships as (

    select
        memberships.audience_name,
        memberships.split_group,
        memberships.entered_at,
        memberships.exited_at,
        memberships.entered_because = 'split group changed' as is_moved_in,
        coalesce(memberships.exited_because = 'split group changed', false) as is_moved_out

    from {{ ref('audience_memberships') }} as memberships

),

-- A spell is joined with each day that it touches; a day without one stays, and counts nobody.
sizes as (

    select
        -- keys
        days.audience_name,
        days.entity,
        cast(days.began_at as date) as size_date,
        memberships.split_group,

        -- attributes
        days.definition_version,

        -- measures
        count(
            case
                when
                    memberships.entered_at <= days.recorded_at
                    and (
                        memberships.exited_at is null
                        or memberships.exited_at > days.recorded_at
                    )
                    then 1
            end
        ) as member_count,
        count(
            case
                when memberships.entered_at >= days.began_at and not memberships.is_moved_in
                    then 1
            end
        ) as entered_count,
        count(
            case
                when
                    memberships.exited_at >= days.began_at
                    and memberships.exited_at <= days.recorded_at
                    and not memberships.is_moved_out
                    then 1
            end
        ) as exited_count,

        -- times
        days.recorded_at,

        -- bookkeeping
        {{ current_run() }} as changed_run

    from days
    left join memberships
        on
            days.audience_name = memberships.audience_name
            and days.recorded_at >= memberships.entered_at
            and (memberships.exited_at is null or days.began_at <= memberships.exited_at)
    group by
        days.audience_name,
        days.entity,
        days.began_at,
        days.definition_version,
        days.recorded_at,
        memberships.split_group

)

select * from sizes
