{{ config(
    materialized='incremental',
    incremental_strategy='append',
    full_refresh=false
) }}

{% set last_node_id %}
{% if is_incremental() %}
(select coalesce(max(own_rows.node_id), 0) from {{ this }} as own_rows)
{% else %}
0
{% endif %}
{% endset %}

with

changed_records as (

    select records.*
    from {{ ref('int_identity__records') }} as records
    where
        records.changed_run > {{ last_own_run('registered_run') }}
        and records.is_current

),

record_identifiers as (

    {{ record_identifiers('changed_records') }}

),

identifier_types as (

    {{ identifier_type_rows() }}

),

seen as (

    select
        record_identifiers.identifier_type,
        record_identifiers.identifier_value,
        min(record_identifiers.first_seen_at) as first_seen_at

    from record_identifiers
    group by
        record_identifiers.identifier_type,
        record_identifiers.identifier_value

),

unknown as (

    select
        seen.identifier_type,
        seen.identifier_value,
        seen.first_seen_at

    from seen
    {% if is_incremental() %}
    left join {{ this }} as known
        on
            seen.identifier_type = known.identifier_type
            and seen.identifier_value = known.identifier_value
    where known.node_id is null
    {% endif %}

),

-- Numbered on in the order first seen, so that the smallest number of a customer is its oldest
-- identifier.
registry as (

    select
        {{ last_node_id | trim }}
        + row_number() over (
            order by
                case when unknown.first_seen_at is null then 1 else 0 end,
                unknown.first_seen_at,
                identifier_types.type_rank,
                unknown.identifier_value
        ) as node_id,
        unknown.identifier_type,
        unknown.identifier_value,
        {{ entity_id_of(
            'identifier_types.entity_prefix',
            'unknown.identifier_type',
            'unknown.identifier_value'
        ) }} as entity_id,
        {{ current_run() }} as registered_run

    from unknown
    inner join identifier_types on unknown.identifier_type = identifier_types.identifier_type

)

select * from registry
