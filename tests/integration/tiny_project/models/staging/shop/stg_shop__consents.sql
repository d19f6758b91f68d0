with

source as (

    {{ source_rows('shop', 'consent') }}

),

consents as (

    select
        cast(source.customer_id as text) as customer_id,
        source.purpose,
        source.is_granted

    from source

)

select * from consents
