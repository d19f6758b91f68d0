{% set entries = var('identifier_sources') %}

with

{% for entry in entries %}
{% set columns = identifier_columns(entry) %}
{% set seen_at = entry.get('seen_at', 'cast(null as ' ~ dbt.type_timestamp() ~ ')') %}
-- Rows of a source that name the same identifiers are one observation, kept under its earliest row.
{{ entry.model }} as (

    select
        {% for identifier in columns %}
        {{ identifier.column }},
        {% endfor %}
        {{ earliest_by(entry.record_key, seen_at, entry.record_key) }} as first_record_key,
        min({{ seen_at }}) as first_seen_at,
        max({{ seen_at }}) as last_seen_at,
        count(*) as record_count

    from {{ ref(entry.model) }}
    where
        true
        {% if entry.deleted is defined %}
        and not {{ entry.deleted }}
        {% endif %}
        {% if entry.only is defined %}
        and {{ entry.only }}
        {% endif %}
    group by
    {% for identifier in columns %}
        {{ identifier.column }}{{ ',' if not loop.last }}
    {% endfor %}

),

{% endfor %}
observed as (

    {% for entry in entries %}
    {% set entry_loop = loop %}
    {% for identifier in identifier_columns(entry) %}
    select
        '{{ entry.model }}' as source_model,
        first_record_key as record_key,
        '{{ identifier.type }}' as identifier_type,
        {{ identifier.column }} as identifier_value,
        first_seen_at,
        last_seen_at,
        record_count

    from {{ entry.model }}
    where {{ identifier.column }} is not null

    {{ 'union all' if not (loop.last and entry_loop.last) }}

    {% endfor %}
    {% endfor %}
),

-- Two columns of one row may hold the same value, such as phone and mobile phone.
observations as (

    select
        observed.source_model,
        observed.record_key,
        observed.identifier_type,
        observed.identifier_value,
        min(observed.first_seen_at) as first_seen_at,
        max(observed.last_seen_at) as last_seen_at,
        max(observed.record_count) as record_count

    from observed
    group by
        observed.source_model,
        observed.record_key,
        observed.identifier_type,
        observed.identifier_value

)

select * from observations
