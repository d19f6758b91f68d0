{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'trait_name is null and recheck_at is null'}
) }}

{% set traits = customer_trait_entries() %}
{% set facts = traits | map(attribute='fact') | unique | list %}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers_of(facts, recheck_at='recheck_at') }}

),
{% endif %}

{% for fact in facts %}
{{ fact }}__rows as (

    select facts.*
    from {{ ref(fact) }} as facts
    {% if is_incremental() %}
    inner join touched on facts.customer_id = touched.customer_id
    {% endif %}
    where facts.customer_id is not null

),

{% endfor %}
traits as (

    {% for trait in traits %}
    {{ trait_query(trait, trait.fact ~ '__rows') }}

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

rechecks as (

    {% for trait in traits %}
    {{ trait_rechecks(trait, trait.fact ~ '__rows') }}

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

next_rechecks as (

    select
        rechecks.customer_id,
        min(rechecks.recheck_at) as recheck_at

    from rechecks
    group by rechecks.customer_id

),

customers as (

    select traits.customer_id from traits
    -- union, not union all: one row per customer
    union
    select next_rechecks.customer_id from next_rechecks
    {% if is_incremental() %}
    union
    select touched.customer_id from touched
    {% endif %}

),

-- A customer without a trait has a row without one while something is waiting; in a later run one
-- who has none any more has it as well, and makes way.
customer_traits as (

    select
        -- keys
        customers.customer_id,
        traits.trait_name,

        -- value
        traits.value_text,
        traits.value_number,
        traits.value_time,
        traits.value_count,
        traits.is_capped,

        -- bookkeeping
        next_rechecks.recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from customers
    left join traits on customers.customer_id = traits.customer_id
    left join next_rechecks on customers.customer_id = next_rechecks.customer_id

)

select * from customer_traits
