{#- The columns that staging normalises; _rejected_columns says which of them failed. -#}
{%- set normalized_columns = {
    'stg_segment__checkouts_started': ['currency'],
    'stg_segment__identifies': ['email', 'phone', 'first_name', 'last_name', 'loyalty_id'],
    'stg_segment__orders_completed': ['email', 'currency'],
    'stg_segment__products_added': ['currency'],
    'stg_segment__products_viewed': ['currency'],
    'stg_shopify__abandoned_checkouts': ['email', 'phone', 'country_code', 'currency'],
    'stg_shopify__customers': ['email', 'phone', 'first_name', 'last_name'],
    'stg_shopify__orders': [
        'email', 'phone', 'first_name', 'last_name', 'country_code', 'currency',
    ],
    'stg_hubspot__companies': ['company_name', 'domain', 'country_code'],
    'stg_hubspot__contacts': [
        'email', 'secondary_email', 'phone', 'first_name', 'last_name', 'country_code',
    ],
    'stg_salesforce__accounts': ['account_name', 'domain', 'phone', 'country_code'],
    'stg_salesforce__contacts': [
        'email', 'phone', 'mobile_phone', 'first_name', 'last_name', 'country_code',
    ],
    'stg_salesforce__leads': [
        'email', 'phone', 'mobile_phone', 'first_name', 'last_name', 'country_code',
    ],
    'stg_salesforce__opportunities': ['probability_rate'],
    'stg_zendesk__users': ['email', 'phone', 'full_name'],
    'stg_klaviyo__persons': ['email', 'phone', 'first_name', 'last_name', 'country_code'],
    'stg_stripe__charges': ['receipt_email', 'currency'],
    'stg_stripe__customers': ['email', 'phone', 'full_name', 'country_code', 'currency'],
    'stg_till__sales': ['email', 'loyalty_id', 'currency'],
    'stg_consent_log__consents': ['email', 'phone'],
    'stg_online_retail__lines': ['country_code'],
    'stg_loyalty__members': [
        'loyalty_id', 'email', 'phone', 'first_name', 'last_name', 'birth_date', 'country_code',
    ],
} -%}
{%- set deduplicated_models = [
    'stg_segment__checkouts_started',
    'stg_segment__identifies',
    'stg_segment__orders_completed',
    'stg_segment__pages',
    'stg_segment__products_added',
    'stg_segment__products_viewed',
    'stg_segment__screens',
    'stg_segment__tracks',
    'stg_snowplow__events',
] -%}

with

{% for model, columns in normalized_columns.items() -%}
{{ model }} as (

    select
        {{ rejection_counts(columns) }}

    from {{ ref(model) }}

),

{% endfor -%}

{% for model in deduplicated_models -%}
{{ model }}__messages as (

    select
        count(*) as kept_count,
        sum(_duplicate_count) as duplicate_count

    from {{ ref(model) }}

),

{% endfor -%}

counts as (

    {% for model, columns in normalized_columns.items() -%}
    {% for column in columns -%}
    select
        '{{ model }}' as source_model,
        '{{ column }}' as column_name,
        'not readable' as reason,
        {{ column }}_valid as valid_count,
        {{ column }}_invalid as invalid_count

    from {{ model }}

    union all

    {% endfor -%}
    {% endfor -%}

    {% for model in deduplicated_models -%}
    select
        '{{ model }}' as source_model,
        'message_id' as column_name,
        'duplicate message' as reason,
        kept_count as valid_count,
        duplicate_count as invalid_count

    from {{ model }}__messages
    {% if not loop.last %}
    union all

    {% endif -%}
    {% endfor %}
),

normalisation as (

    select
        -- keys
        cast(source_model as {{ dbt.type_string() }}) as source_model,
        cast(column_name as {{ dbt.type_string() }}) as column_name,
        cast(reason as {{ dbt.type_string() }}) as reason,

        -- measures
        cast(valid_count + coalesce(invalid_count, 0) as {{ dbt.type_bigint() }}) as raw_count,
        cast(valid_count as {{ dbt.type_bigint() }}) as valid_count,
        cast(coalesce(invalid_count, 0) as {{ dbt.type_bigint() }}) as invalid_count

    from counts
    where valid_count + coalesce(invalid_count, 0) > 0

)

select * from normalisation
