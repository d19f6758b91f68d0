{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='ticket_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'status is null'}
) }}

with

{% if is_incremental() %}
touched as (

    select touched_rows.record_key as ticket_id
    from ({{ touched_records(['stg_zendesk__tickets']) }}) as touched_rows

    -- union, not union all: one row per ticket
    union

    select touched_rows.record_key
    from ({{ touched_records(['stg_zendesk__ticket_comments'], 'parent_key') }}) as touched_rows

    union

    select tickets.ticket_id
    from {{ ref('stg_zendesk__tickets') }} as tickets
    where {{ is_reached_anew('tickets.created_at') }}

    union

    select comments.ticket_id
    from {{ ref('stg_zendesk__ticket_comments') }} as comments
    where {{ is_reached_anew('comments.created_at') }}

),
{% endif %}

tickets as (

    select tickets.*
    from {{ ref('stg_zendesk__tickets') }} as tickets
    {% if is_incremental() %}
    inner join touched on tickets.ticket_id = touched.ticket_id
    {% endif %}
    where
        not tickets.is_deleted
        and coalesce(tickets.created_at <= {{ as_of() }}, true)

),

records as (

    select * from {{ ref('int_core__records') }}
    where
        is_current
        and source_model = 'stg_zendesk__tickets'

),

sentiments as (

    select * from {{ ref('int_service__comment_sentiments') }}

),

-- Whoever answers and is not the requester is the desk; internal notes are no answers.
comments as (

    select
        comments.comment_id,
        comments.ticket_id,
        comments.created_at,
        coalesce(comments.zendesk_user_id = tickets.zendesk_user_id, false) as is_by_customer

    from {{ ref('stg_zendesk__ticket_comments') }} as comments
    inner join tickets on comments.ticket_id = tickets.ticket_id
    where
        comments.is_public
        and comments.created_at <= {{ as_of() }}

),

comments_in_turn as (

    select
        comments.*,
        max(case when not comments.is_by_customer then comments.created_at end) over (
            partition by comments.ticket_id
            order by comments.created_at, comments.comment_id
            rows between unbounded preceding and 1 preceding
        ) as answered_before_at

    from comments

),

-- The desk's own status history is not landed: a ticket counts as opened again when its requester
-- comes back long after an answer, and not to say thanks at once.
comment_figures as (

    select
        comments_in_turn.ticket_id,
        count(*) as comment_count,
        count(case when comments_in_turn.is_by_customer then 1 end) as customer_comment_count,
        count(
            case
                when
                    comments_in_turn.is_by_customer
                    and comments_in_turn.created_at > {{ dbt.dateadd(
                        'hour', var('ticket_reopened_after_hours'), 'comments_in_turn.answered_before_at'
                    ) }}
                    then 1
            end
        ) as reopened_count,
        min(case when not comments_in_turn.is_by_customer then comments_in_turn.created_at end)
            as first_replied_at,
        max(case when not comments_in_turn.is_by_customer then comments_in_turn.created_at end)
            as last_replied_at,
        max(comments_in_turn.created_at) as last_comment_at

    from comments_in_turn
    group by comments_in_turn.ticket_id

),

ranked_sentiments as (

    select
        sentiments.*,
        row_number() over (
            partition by sentiments.ticket_id
            order by comments.created_at desc, sentiments.comment_id desc
        ) as recency_index

    from sentiments
    inner join comments on sentiments.comment_id = comments.comment_id
    where sentiments.language is not null

),

sentiment_figures as (

    select
        ranked_sentiments.ticket_id,
        avg(ranked_sentiments.sentiment_score) as sentiment_score,
        max(
            case when ranked_sentiments.recency_index = 1 then ranked_sentiments.sentiment_score end
        ) as last_sentiment_score,
        max(case when ranked_sentiments.recency_index = 1 then ranked_sentiments.language end)
            as language

    from ranked_sentiments
    group by ranked_sentiments.ticket_id

),

timed as (

    select
        tickets.*,
        records.customer_id,
        sentiment_figures.language,
        cast(sentiment_figures.sentiment_score as decimal(18, 3)) as sentiment_score,
        sentiment_figures.last_sentiment_score,
        coalesce(tickets.status in ('solved', 'closed'), false) as is_solved,
        coalesce(comment_figures.comment_count, 0) as comment_count,
        coalesce(comment_figures.customer_comment_count, 0) as customer_comment_count,
        coalesce(comment_figures.reopened_count, 0) as reopened_count,
        comment_figures.first_replied_at,
        case
            when tickets.status in ('solved', 'closed')
                then coalesce(comment_figures.last_replied_at, tickets.updated_at)
        end as solved_at,
        comment_figures.last_comment_at

    from tickets
    left join records on tickets.ticket_id = records.record_key
    left join comment_figures on tickets.ticket_id = comment_figures.ticket_id
    left join sentiment_figures on tickets.ticket_id = sentiment_figures.ticket_id

),

support_tickets as (

    select
        -- keys
        {{ 'touched' if is_incremental() else 'timed' }}.ticket_id,

        -- foreign keys
        timed.customer_id,

        -- attributes
        timed.subject,
        coalesce(timed.status, case when timed.ticket_id is not null then 'unknown' end) as status,
        timed.priority,
        timed.ticket_type,
        timed.channel,
        timed.language,
        {{ sentiment_label('timed.sentiment_score') }} as sentiment_label,
        {{ sentiment_label('timed.last_sentiment_score') }} as last_sentiment_label,

        -- booleans
        timed.is_solved,

        -- measures
        timed.comment_count,
        timed.customer_comment_count,
        timed.reopened_count,
        cast(
            {{ dbt.datediff('timed.created_at', 'timed.first_replied_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as first_reply_seconds,
        cast(
            {{ dbt.datediff('timed.created_at', 'timed.solved_at', 'second') }}
            as {{ dbt.type_bigint() }}
        ) as resolution_seconds,
        timed.sentiment_score,

        -- timestamps
        timed.created_at,
        timed.first_replied_at,
        timed.solved_at,
        timed.last_comment_at,

        -- bookkeeping
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- a ticket that is no more makes way: a row without a status
    from touched
    left join timed on touched.ticket_id = timed.ticket_id
    {% else %}
    from timed
    {% endif %}

)

select * from support_tickets
