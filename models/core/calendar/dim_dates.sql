with

-- Thirty years are enough for a company's history, and few enough to count through.
day_numbers as (

    {{ dbt.generate_series(10958) }}

),

days as (

    select
        {{ dbt.dateadd(
            'day',
            'day_numbers.generated_number - 1',
            "cast('" ~ var('calendar_start') ~ "' as " ~ dbt.type_timestamp() ~ ")"
        ) }} as day_start

    from day_numbers

),

dates as (

    select
        -- keys
        cast(days.day_start as date) as date_day,

        -- attributes
        cast({{ dbt.date_trunc('month', 'days.day_start') }} as date) as month_date,
        cast({{ dbt.date_trunc('quarter', 'days.day_start') }} as date) as quarter_date,
        cast({{ dbt.date_trunc('year', 'days.day_start') }} as date) as year_date

    from days
    where days.day_start <= {{ as_of() }}

)

select * from dates
