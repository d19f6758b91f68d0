-- depends_on: {{ ref('int_identity__assignments') }}
-- depends_on: {{ ref('int_identity__nodes') }}
-- depends_on: {{ ref('int_identity__registry') }}
-- depends_on: {{ ref('int_identity__runs') }}

{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['source_model', 'record_key'],
    on_schema_change='fail'
) }}

{% set entries = customer_record_entries() %}
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}

with

{% if is_incremental() %}
-- Identifiers that changed hands, came, or went since the last run that wrote this table.
moved_nodes as (

    select assignments.node_id
    from {{ ref('int_identity__assignments') }} as assignments
    where assignments.changed_run > {{ last_own_run() }}

    union

    select nodes.node_id
    from {{ ref('int_identity__nodes') }} as nodes
    where nodes.changed_run > {{ last_own_run() }}

),

moved_identifiers as (

    select
        registry.identifier_type,
        registry.identifier_value

    from {{ ref('int_identity__registry') }} as registry
    inner join moved_nodes on registry.node_id = moved_nodes.node_id

),
{% endif %}

{% for entry in entries %}
{% set rows = entry.model %}
{% set record_key = dbt.cast(rows ~ '.' ~ entry.record_key, dbt.type_string()) %}
{% set parent = rows ~ '.' ~ (entry.parent_key or entry.record_key) %}
{% set parent_key = dbt.cast(parent, dbt.type_string()) if entry.parent_key else no_text %}
{% if is_incremental() %}
-- Rows that came or say something else, and rows of identifiers that moved.
{{ rows }}__touched as (

    select {{ record_key }} as record_key
    from {{ ref(entry.model) }} as {{ rows }}
    left join {{ this }} as known
        on
            {{ record_key }} = known.record_key
            and known.source_model = '{{ entry.model }}'
            and known.is_current
    where
        known.record_key is null
        or known.content_digest <> {{ content_digest(entry, rows) }}
        {% for identifier_type in entry.identified_by %}
        or {{ rows }}.{{ identifier_type }} in (
            select moved_identifiers.identifier_value
            from moved_identifiers
            where moved_identifiers.identifier_type = '{{ identifier_type }}'
        )
        {% endfor %}

),
{% endif %}

{{ rows }}__present as (

    select
        '{{ entry.model }}' as source_model,
        {{ record_key }} as record_key,
        {{ parent_key }} as parent_key,
        {{ resolved_customer_id(entry.identified_by) if entry.identified_by else no_text }}
            as customer_id,
        {{ content_digest(entry, rows) }} as content_digest

    from {{ ref(entry.model) }} as {{ rows }}
    {% if is_incremental() %}
    inner join {{ rows }}__touched as touched on {{ record_key }} = touched.record_key
    {% endif %}
    {{ customer_lookups(rows, entry.identified_by) }}

),

{% endfor %}
present as (

    {% for entry in entries %}
    select * from {{ entry.model }}__present

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

{% if is_incremental() %}
gone as (

    {% for entry in entries %}
    {% set record_key = dbt.cast('staged.' ~ entry.record_key, dbt.type_string()) %}
    select
        known.source_model,
        known.record_key

    from {{ this }} as known
    left join {{ ref(entry.model) }} as staged on known.record_key = {{ record_key }}
    where
        known.source_model = '{{ entry.model }}'
        and known.is_current
        and staged.{{ entry.record_key }} is null

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

touched as (

    select
        present.source_model,
        present.record_key

    from present

    union all

    select * from gone

),

-- Whose a row was before stays, so that a customer who lost it is worked on anew as well.
former as (

    select
        known.source_model,
        known.record_key,
        known.parent_key,
        known.customer_id,
        known.content_digest,
        case
            when known.is_current then {{ current_run() }}
            else known.changed_run
        end as changed_run

    from {{ this }} as known
    inner join touched
        on
            known.source_model = touched.source_model
            and known.record_key = touched.record_key
    left join present
        on
            known.source_model = present.source_model
            and known.record_key = present.record_key
            and known.parent_key is not distinct from present.parent_key
            and known.customer_id is not distinct from present.customer_id
    where present.record_key is null

),
{% endif %}

records as (

    select
        present.source_model,
        present.record_key,
        present.parent_key,
        present.customer_id,
        present.content_digest,
        true as is_current,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from present

    {% if is_incremental() %}
    union all

    select
        former.source_model,
        former.record_key,
        former.parent_key,
        former.customer_id,
        former.content_digest,
        false as is_current,
        cast(former.changed_run as {{ dbt.type_bigint() }}) as changed_run

    from former
    {% endif %}

)

select * from records
