{{ config(materialized='view') }}

{% set text = dbt.type_string() %}

with

traits as (

    {% for trait in customer_trait_entries() %}
    select
        -- keys
        cast('{{ trait.trait }}' as {{ text }}) as trait_name,

        -- attributes
        cast('{{ trait.description | replace("'", "''") }}' as {{ text }}) as description,
        cast('{{ trait.type }}' as {{ text }}) as value_type,
        cast('{{ trait.fact }}' as {{ text }}) as fact,
        cast('{{ trait.aggregate }}' as {{ text }}) as aggregate_name,
        cast('{{ trait.pii }}' as {{ text }}) as pii,
        cast({{ trait.window_days or 'null' }} as {{ dbt.type_int() }}) as window_days,

        -- booleans
        {{ trait.promote | lower }} as is_promoted

    {{ 'union all' if not loop.last }}

    {% endfor %}
)

select * from traits
