with

suppressed_identifiers as (

    select * from {{ ref('suppressed_identifiers') }}

),

identifiers as (

    select * from {{ ref('identity_map') }}

),

-- An identifier has one customer. One that several people share counts too: whom it is listed
-- with is rather left in peace than written to.
suppressions as (

    select
        identifiers.customer_id,
        suppressed_identifiers.identifier_type,
        suppressed_identifiers.identifier_value,
        suppressed_identifiers.reason,
        suppressed_identifiers.created_on

    from suppressed_identifiers
    inner join identifiers
        on
            suppressed_identifiers.identifier_type = identifiers.identifier_type
            and suppressed_identifiers.identifier_value = identifiers.identifier_value

),

ranked as (

    select
        suppressions.*,
        row_number() over (
            partition by suppressions.customer_id
            order by
                suppressions.created_on,
                suppressions.identifier_type,
                suppressions.identifier_value
        ) as age_index,
        count(*) over (
            partition by suppressions.customer_id
        ) as suppressed_identifier_count

    from suppressions

),

customers as (

    select
        -- keys
        cast(ranked.customer_id as {{ dbt.type_string() }}) as customer_id,

        -- attributes
        cast(ranked.reason as {{ dbt.type_string() }}) as reason,

        -- measures
        cast(ranked.suppressed_identifier_count as {{ dbt.type_bigint() }})
            as suppressed_identifier_count,

        -- timestamps
        cast(ranked.created_on as date) as suppressed_date

    from ranked
    where ranked.age_index = 1

)

select * from customers
