{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='fingerprint',
    on_schema_change='append_new_columns'
) }}

{% set entries = var('identifier_sources') %}

with

{% for entry in entries %}
{% set seen_at = entry.get('seen_at', 'cast(null as ' ~ dbt.type_timestamp() ~ ')') %}
-- Rows of a source that name the same identifiers are one record, kept under its earliest row.
{{ entry.model }} as (

    select
        {{ record_fingerprint(entry) }} as fingerprint,
        '{{ entry.model }}' as source_model,
        {{ earliest_by(dbt.cast(entry.record_key, dbt.type_string()), seen_at, dbt.cast(entry.record_key, dbt.type_string())) }}
            as record_key,
        min({{ seen_at }}) as first_seen_at,
        max({{ seen_at }}) as last_seen_at,
        count(*) as record_count

    from {{ ref(entry.model) }}
    where
        (
            {% for identifier in identifier_columns(entry) %}
            {{ 'or ' if not loop.first }}{{ identifier.expression }} is not null
            {% endfor %}
        )
        {% if entry.deleted is defined %}
        and not {{ entry.deleted }}
        {% endif %}
        {% if entry.only is defined %}
        and {{ entry.only }}
        {% endif %}
    group by {{ record_fingerprint(entry) }}

),

{% endfor %}
present as (

    {% for entry in entries %}
    select
        fingerprint,
        source_model,
        record_key,
        first_seen_at,
        last_seen_at,
        record_count
    from {{ entry.model }}

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

{% if is_incremental() %}
-- One pass finds what came, changed, and went: every source row of the latter is gone, or names others now.
differing as (

    select
        coalesce(present.fingerprint, known.fingerprint) as fingerprint,
        present.fingerprint is not null as is_current,
        present.source_model,
        present.record_key,
        present.first_seen_at,
        present.last_seen_at,
        present.record_count

    from present
    full outer join {{ this }} as known on present.fingerprint = known.fingerprint
    where
        known.fingerprint is null
        or known.is_current <> (present.fingerprint is not null)
        or known.record_key <> present.record_key
        or known.record_count <> present.record_count
        or known.first_seen_at is distinct from present.first_seen_at
        or known.last_seen_at is distinct from present.last_seen_at

),

changed as (

    select *
    from differing
    where differing.is_current

),

gone as (

    select known.*
    from {{ this }} as known
    inner join differing on known.fingerprint = differing.fingerprint
    where not differing.is_current

),
{% else %}
changed as (

    select * from present

),
{% endif %}

-- The identifiers themselves are read of changed records only: they are most of the bytes.
named as (

    {% for entry in entries %}
    {% set columns = identifier_columns(entry) %}
    select
        changed.fingerprint,
        changed.source_model,
        changed.record_key,
        {% for slot in range(identifier_slots()) %}
        {% if slot < columns | length %}
        source_rows.{{ columns[slot].column }} as identifier_{{ slot + 1 }},
        {% else %}
        cast(null as {{ dbt.type_string() }}) as identifier_{{ slot + 1 }},
        {% endif %}
        {% endfor %}
        changed.first_seen_at,
        changed.last_seen_at,
        changed.record_count,
        true as is_current

    from changed
    inner join (
        select
            {{ dbt.cast(entry.record_key, dbt.type_string()) }} as source_record_key,
            {% for identifier in columns %}
            {{ identifier.expression }} as {{ identifier.column }}{{ ',' if not loop.last }}
            {% endfor %}

        from {{ ref(entry.model) }}
    ) as source_rows on changed.record_key = source_rows.source_record_key
    where changed.source_model = '{{ entry.model }}'

    {{ 'union all' if not loop.last }}

    {% endfor %}
    {% if is_incremental() %}
    union all

    select
        gone.fingerprint,
        gone.source_model,
        gone.record_key,
        {% for slot in range(1, identifier_slots() + 1) %}
        gone.identifier_{{ slot }},
        {% endfor %}
        gone.first_seen_at,
        gone.last_seen_at,
        gone.record_count,
        false as is_current

    from gone
    {% endif %}

),

records as (

    select
        named.*,
        {{ current_run() }} as changed_run

    from named

)

select * from records
