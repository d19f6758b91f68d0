with

source as (

    {{ source_rows('shop', 'customer') }}

),

customers as (

    select
        cast(source.id as text) as customer_id,
        lower(trim(source.email)) as email,
        cast(source.spent as decimal(18, 2)) as spent_amount,
        source.created_at

    from source

)

select * from customers
