{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'ticket_count is null'}
) }}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers_of(['fct_support_tickets']) }}

),
{% endif %}

tickets as (

    select
        tickets.*,
        row_number() over (
            partition by tickets.customer_id
            order by
                case when tickets.created_at is null then 1 else 0 end,
                tickets.created_at desc,
                tickets.ticket_id desc
        ) as recency_index,
        -- the ticket that was spoken in last, of those that tell how the requester feels
        row_number() over (
            partition by tickets.customer_id
            order by
                case when tickets.last_sentiment_label is null then 1 else 0 end,
                case
                    when coalesce(tickets.last_comment_at, tickets.created_at) is null then 1
                    else 0
                end,
                coalesce(tickets.last_comment_at, tickets.created_at) desc,
                tickets.ticket_id desc
        ) as sentiment_index

    from {{ ref('fct_support_tickets') }} as tickets
    {% if is_incremental() %}
    inner join touched on tickets.customer_id = touched.customer_id
    {% endif %}
    where tickets.customer_id is not null

),

figures as (

    select
        tickets.customer_id,
        count(*) as ticket_count,
        count(case when not tickets.is_solved then 1 end) as open_ticket_count,
        max(case when tickets.recency_index = 1 then tickets.status end) as last_ticket_status,
        max(case when tickets.sentiment_index = 1 then tickets.last_sentiment_label end)
            as last_ticket_sentiment,
        max(tickets.created_at) as last_ticket_opened_at

    from tickets
    group by tickets.customer_id

),

-- In a later run, a customer without tickets makes way: a row without a count.
customer_tickets as (

    select
        {{ 'touched' if is_incremental() else 'figures' }}.customer_id,
        figures.ticket_count,
        figures.open_ticket_count,
        figures.last_ticket_status,
        figures.last_ticket_sentiment,
        figures.last_ticket_opened_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    from touched
    left join figures on touched.customer_id = figures.customer_id
    {% else %}
    from figures
    {% endif %}

)

select * from customer_tickets
