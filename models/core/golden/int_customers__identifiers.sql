{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'email_count is null'}
) }}

{% set best_types = [
    'shopify_customer_id', 'hubspot_contact_id', 'salesforce_contact_id', 'salesforce_lead_id',
    'zendesk_user_id', 'klaviyo_person_id', 'stripe_customer_id', 'device_id', 'anonymous_id',
] %}
{% set rows = 'touched' if is_incremental() else 'figures' %}
{% set counted_types = ['email', 'phone', 'device_id', 'anonymous_id'] %}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers() }}

),
{% endif %}

identifiers as (

    select identifiers.*
    from {{ ref('identity_map') }} as identifiers
    {% if is_incremental() %}
    inner join touched on identifiers.customer_id = touched.customer_id
    {% endif %}

),

-- The best of a type: nobody else's, then the latest seen, then the most often seen, then the
-- smaller value.
ranked as (

    select
        identifiers.*,
        row_number() over (
            partition by identifiers.customer_id, identifiers.identifier_type
            order by
                case when identifiers.is_shared then 1 else 0 end,
                case when identifiers.last_seen_at is null then 1 else 0 end,
                identifiers.last_seen_at desc,
                identifiers.record_count desc,
                identifiers.identifier_value
        ) as type_rank

    from identifiers

),

figures as (

    select
        ranked.customer_id,
        {% for identifier_type in best_types %}
        max(
            case
                when ranked.identifier_type = '{{ identifier_type }}' and ranked.type_rank = 1
                    then ranked.identifier_value
            end
        ) as {{ identifier_type }},
        {% endfor %}
    {% for identifier_type in counted_types %}
    count(case when ranked.identifier_type = '{{ identifier_type }}' then 1 end)
        as {{ identifier_type | replace('_id', '') }}_count{{ ',' if not loop.last }}
    {% endfor %}

    from ranked
    group by ranked.customer_id

),

customers as (

    select
        {{ rows }}.customer_id,
        {% for identifier_type in best_types %}
        figures.{{ identifier_type }},
        {% endfor %}
        {% for identifier_type in counted_types %}
        figures.{{ identifier_type | replace('_id', '') }}_count,
        {% endfor %}
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from {{ rows }}
    {% if is_incremental() %}
    -- a customer who is no more makes way: a row without counts
    left join figures on touched.customer_id = figures.customer_id
    {% endif %}

)

select * from customers
