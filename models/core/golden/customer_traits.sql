{{ config(materialized='view') }}

with

traits as (

    select * from {{ ref('int_customers__traits') }}

),

customer_traits as (

    select
        -- keys
        traits.customer_id,
        cast(traits.trait_name as {{ dbt.type_string() }}) as trait_name,

        -- value
        traits.value_text,
        traits.value_number,
        traits.value_time,
        traits.value_count,
        traits.is_capped,

        -- bookkeeping
        traits.recheck_at,
        traits.changed_run

    from traits
    where traits.trait_name is not null

)

select * from customer_traits
