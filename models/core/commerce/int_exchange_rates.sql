with

exchange_rates as (

    select * from {{ ref('exchange_rates') }}

),

-- A rate holds from its own date until the next rate of that currency.
rate_periods as (

    select
        exchange_rates.currency,
        exchange_rates.eur_per_unit,
        exchange_rates.valid_from,
        cast(
            lead(exchange_rates.valid_from) over (
                partition by exchange_rates.currency
                order by exchange_rates.valid_from
            ) as {{ dbt.type_timestamp() }}
        ) as valid_until

    from exchange_rates

)

select * from rate_periods
