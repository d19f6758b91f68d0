{% set entries = var('profile_sources') %}

with

blocked as (

    select * from {{ ref('identity_blocked') }}

),

{% for entry in entries %}
{{ entry.model }} as (

    select
        {{ resolved_customer_id(entry.identified_by) }} as customer_id,
        cast({{ entry.model }}.{{ entry.record_key }} as {{ dbt.type_string() }}) as record_key,
        {{ entry.model }}.{{ entry.observed_at }} as observed_at,
    {% for field in entry.fields %}
    {{ entry.model }}.{{ field }} as field_{{ field }}{{ ',' if not loop.last }}
    {% endfor %}

    from {{ ref(entry.model) }} as {{ entry.model }}
    {{ customer_lookups(entry.model, entry.identified_by) }}
    {% if entry.deleted is defined %}
    where not {{ entry.model }}.{{ entry.deleted }}
    {% endif %}

),

{% endfor %}
candidates as (

    {% for entry in entries %}
    {% set entry_loop = loop %}
    {% for field in entry.fields %}
    select
        customer_id,
        '{{ field }}' as field_name,
        cast(field_{{ field }} as {{ dbt.type_string() }}) as field_value,
        '{{ entry.model }}' as source_model,
        record_key,
        observed_at,
        {{ entry_loop.index }} as source_priority

    from {{ entry.model }}
    where
        customer_id is not null
        and field_{{ field }} is not null

    {{ 'union all' if not (loop.last and entry_loop.last) }}

    {% endfor %}
    {% endfor %}
),

-- A placeholder is nobody's e-mail or phone number.
real_candidates as (

    select candidates.*

    from candidates
    left join blocked
        on
            candidates.field_name = blocked.identifier_type
            and candidates.field_value = blocked.identifier_value
    where blocked.identifier_value is null

),

-- The same value from the same source counts once, with its latest sighting.
distinct_candidates as (

    select
        real_candidates.*,
        row_number() over (
            partition by
                real_candidates.customer_id,
                real_candidates.field_name,
                real_candidates.field_value,
                real_candidates.source_model
            order by
                case when real_candidates.observed_at is null then 1 else 0 end,
                real_candidates.observed_at desc,
                real_candidates.record_key
        ) as sighting_index

    from real_candidates

),

-- Survivorship: the most trusted source, then the latest sighting, then the smaller text.
ranked as (

    select
        distinct_candidates.*,
        row_number() over (
            partition by distinct_candidates.customer_id, distinct_candidates.field_name
            order by
                distinct_candidates.source_priority,
                case when distinct_candidates.observed_at is null then 1 else 0 end,
                distinct_candidates.observed_at desc,
                distinct_candidates.field_value,
                distinct_candidates.record_key
        ) as value_rank

    from distinct_candidates
    where distinct_candidates.sighting_index = 1

),

field_values as (

    select
        -- keys
        ranked.customer_id,
        ranked.field_name,
        cast(ranked.value_rank as {{ dbt.type_bigint() }}) as value_rank,

        -- attributes
        ranked.field_value,
        cast('source_priority' as {{ dbt.type_string() }}) as rule_name,

        -- evidence
        ranked.source_model,
        ranked.record_key,
        ranked.observed_at

    from ranked

)

select * from field_values
