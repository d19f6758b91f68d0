{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['node_id', 'valid_from_run'],
    full_refresh=false
) }}

with

assignments as (

    select assignments.*
    from {{ ref('int_identity__assignments') }} as assignments
    where assignments.changed_run > {{ last_own_run() }}

),

{% if is_incremental() %}
-- What holds of the identifiers that changed.
known as (

    select history.*
    from {{ this }} as history
    where
        history.valid_to_run is null
        and history.node_id in (select assignments.node_id from assignments)

),

ended as (

    select
        known.node_id,
        known.anchor_node_id,
        known.is_shared,
        known.valid_from_run,
        {{ current_run() }} as valid_to_run,
        known.valid_from,
        {{ as_of() }} as valid_to,
        {{ current_run() }} as changed_run

    from known
    inner join assignments on known.node_id = assignments.node_id
    where
        known.anchor_node_id is distinct from assignments.anchor_node_id
        or known.is_shared <> assignments.is_shared

),
{% endif %}

begun as (

    select
        assignments.node_id,
        assignments.anchor_node_id,
        assignments.is_shared,
        {{ current_run() }} as valid_from_run,
        cast(null as {{ dbt.type_bigint() }}) as valid_to_run,
        {{ as_of() }} as valid_from,
        cast(null as {{ dbt.type_timestamp() }}) as valid_to,
        {{ current_run() }} as changed_run

    from assignments
    {% if is_incremental() %}
    left join known
        on
            assignments.node_id = known.node_id
            and assignments.anchor_node_id = known.anchor_node_id
            and assignments.is_shared = known.is_shared
    {% endif %}
    where
        assignments.anchor_node_id is not null
        {% if is_incremental() %}
        and known.node_id is null
        {% endif %}

),

history as (

    {% if is_incremental() %}
    select * from ended

    union all

    {% endif %}
    select * from begun

)

select * from history
