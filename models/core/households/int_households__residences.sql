{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'household_id is null and recheck_at is null'}
) }}

{% set sources = var('households').sources %}

with

records as (

    select * from {{ ref('int_core__records') }}
    where
        is_current
        and customer_id is not null

),

{% if is_incremental() %}
touched as (

    {{ touched_customers(recheck_at='recheck_at') }}

),
{% endif %}

{% for source in sources %}
{% set rows = source.model %}
{{ rows }}__homes as (

    select
        records.customer_id,
        records.source_model,
        records.record_key,
        {{ rows }}.last_name,
        {{ rows }}.address_street,
        {{ rows }}.postal_code,
        {{ rows }}.city,
        {{ rows }}.country_code,
        {{ rows }}.{{ source.observed_at }} as observed_at

    from {{ ref(rows) }} as {{ rows }}
    inner join records
        on
            {{ dbt.cast(rows ~ '.' ~ customer_record_entry(rows).record_key, dbt.type_string()) }}
            = records.record_key
            and records.source_model = '{{ rows }}'
    {% if is_incremental() %}
    inner join touched on records.customer_id = touched.customer_id
    {% endif %}

),

{% endfor %}
homes as (

    {% for source in sources %}
    select * from {{ source.model }}__homes

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

-- Spellings differ from row to row: case, blanks and punctuation do not count.
spelt as (

    select
        *,
        {{ bare_text('last_name') }} as surname_key,
        {{ bare_text('country_code') }}
        || '|' || {{ bare_text('postal_code') }}
        || '|' || {{ bare_text('address_street') }} as address_text,
        observed_at is null or observed_at <= {{ as_of() }} as is_seen

    from homes
    where
        last_name is not null
        and address_street is not null
        and postal_code is not null
        and country_code is not null

),

keyed as (

    select
        *,
        {{ dbt.hash('address_text') }} as address_key,
        'h_' || {{ dbt.hash("address_text || '|' || surname_key") }} as household_id

    from spelt
    where surname_key <> ''

),

-- As it was spelt last.
ranked as (

    select
        *,
        count(*) over (partition by customer_id, household_id) as record_count,
        min(observed_at) over (partition by customer_id, household_id) as first_seen_at,
        max(observed_at) over (partition by customer_id, household_id) as last_seen_at,
        row_number() over (
            partition by customer_id, household_id
            order by
                observed_at desc nulls last,
                source_model,
                record_key
        ) as row_rank

    from keyed
    where is_seen

),

waiting as (

    select
        customer_id,
        min(observed_at) as recheck_at

    from keyed
    where not is_seen
    group by customer_id

),

people as (

    {% if is_incremental() %}
    -- who has no residence any more makes way
    select touched.customer_id
    from touched
    {% else %}
    select distinct keyed.customer_id
    from keyed
    {% endif %}

),

residences as (

    select
        -- keys
        people.customer_id,
        ranked.household_id,
        ranked.address_key,

        -- address
        ranked.last_name,
        ranked.address_street,
        ranked.postal_code,
        ranked.city,
        ranked.country_code,

        -- evidence
        cast(ranked.record_count as {{ dbt.type_bigint() }}) as record_count,
        ranked.first_seen_at,
        ranked.last_seen_at,

        -- bookkeeping
        waiting.recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from people
    left join ranked
        on
            people.customer_id = ranked.customer_id
            and ranked.row_rank = 1
    left join waiting on people.customer_id = waiting.customer_id

)

select * from residences
