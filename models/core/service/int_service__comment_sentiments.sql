{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='comment_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'ticket_id is null'}
) }}

{#- What the words of a customer's comment weigh together: docs/decisions/0015 tells why by a list
    of words, and seeds/sentiment_words.csv is the list. -#}

with

{% if is_incremental() %}
touched_tickets as (

    {{ touched_records(['stg_zendesk__tickets']) }}

),

touched as (

    select touched_rows.record_key as comment_id
    from ({{ touched_records(['stg_zendesk__ticket_comments']) }}) as touched_rows

    -- union, not union all: one row per comment
    union

    select comments.comment_id
    from {{ ref('stg_zendesk__ticket_comments') }} as comments
    inner join touched_tickets on comments.ticket_id = touched_tickets.record_key

),
{% endif %}

lexicon as (

    select
        sentiment_words.language,
        sentiment_words.kind,
        sentiment_words.weight,
        replace(sentiment_words.word, '*', '') as word,
        sentiment_words.word like '%*' as is_stem

    from {{ ref('sentiment_words') }} as sentiment_words

),

-- What the requester wrote, where everybody who is concerned can read it.
comments as (

    select
        comments.comment_id,
        comments.ticket_id,
        {{ spaced_clauses('comments.body') }} as words_text

    from {{ ref('stg_zendesk__ticket_comments') }} as comments
    inner join {{ ref('stg_zendesk__tickets') }} as tickets
        on
            comments.ticket_id = tickets.ticket_id
            and comments.zendesk_user_id = tickets.zendesk_user_id
    {% if is_incremental() %}
    inner join touched on comments.comment_id = touched.comment_id
    {% endif %}
    where
        comments.is_public
        and comments.body is not null

),

numbered as (

    {{ numbered_words('comments', 'comment_id', 'words_text', 'word', 'word_index') }}

),

words as (

    select * from numbered
    where word <> ''

),

stem_lengths as (

    select distinct length(lexicon.word) as stem_length
    from lexicon
    where lexicon.is_stem

),

beginnings as (

    select
        words.comment_id,
        words.word_index,
        substring(words.word, 1, stem_lengths.stem_length) as stem

    from words
    -- every beginning of a word that may be a stem
    inner join stem_lengths on length(words.word) >= stem_lengths.stem_length

),

matches as (

    select
        words.comment_id,
        words.word_index,
        lexicon.language,
        lexicon.kind,
        lexicon.weight,
        -- the whole word tells more than any stem
        1000 as match_length

    from words
    inner join lexicon
        on
            words.word = lexicon.word
            and not lexicon.is_stem

    union all

    select
        beginnings.comment_id,
        beginnings.word_index,
        lexicon.language,
        lexicon.kind,
        lexicon.weight,
        length(lexicon.word) as match_length

    from beginnings
    inner join lexicon
        on
            beginnings.stem = lexicon.word
            and lexicon.is_stem

),

ranked_matches as (

    select
        matches.*,
        row_number() over (
            partition by matches.comment_id, matches.word_index, matches.language
            order by matches.match_length desc, matches.kind
        ) as match_rank

    from matches

),

-- The language that knows most of the words.
languages as (

    select
        ranked_matches.comment_id,
        ranked_matches.language,
        row_number() over (
            partition by ranked_matches.comment_id
            order by count(*) desc, sum(ranked_matches.match_length) desc, ranked_matches.language
        ) as language_rank

    from ranked_matches
    where ranked_matches.match_rank = 1
    group by
        ranked_matches.comment_id,
        ranked_matches.language

),

known_words as (

    select
        ranked_matches.comment_id,
        ranked_matches.word_index,
        ranked_matches.kind,
        ranked_matches.weight

    from ranked_matches
    inner join languages
        on
            ranked_matches.comment_id = languages.comment_id
            and ranked_matches.language = languages.language
            and languages.language_rank = 1
    where ranked_matches.match_rank = 1

),

-- A negation reaches no further than its clause.
clauses as (

    select
        words.comment_id,
        words.word_index,
        known_words.kind,
        known_words.weight,
        sum(case when words.word = '.' or known_words.kind = 'stop' then 1 else 0 end) over (
            partition by words.comment_id
            order by words.word_index
            rows between unbounded preceding and current row
        ) as clause_index

    from words
    left join known_words
        on
            words.comment_id = known_words.comment_id
            and words.word_index = known_words.word_index

),

in_context as (

    select
        clauses.*,
        coalesce(
            max(case when clauses.kind = 'negation' then 1 else 0 end) over (
                partition by clauses.comment_id, clauses.clause_index
                order by clauses.word_index
                rows between 3 preceding and 1 preceding
            ), 0
        ) as negations_before,
        coalesce(
            max(case when clauses.kind = 'negation' then 1 else 0 end) over (
                partition by clauses.comment_id, clauses.clause_index
                order by clauses.word_index
                rows between 1 following and 2 following
            ), 0
        ) as negations_after,
        coalesce(
            max(case when clauses.kind = 'negation' then 1 else 0 end) over (
                partition by clauses.comment_id, clauses.clause_index
                order by clauses.word_index
                rows between 1 following and 1 following
            ), 0
        ) as negations_next,
        coalesce(
            max(case when clauses.kind = 'intensifier' then 1 else 0 end) over (
                partition by clauses.comment_id, clauses.clause_index
                order by clauses.word_index
                rows between 2 preceding and 1 preceding
            ), 0
        ) as intensifiers_before

    from clauses

),

-- That something works is worth little; that it does not is a complaint. "Werkt niet" and
-- "fungerer ikke" say so after the verb.
weighed as (

    select
        in_context.comment_id,
        case
            when
                in_context.kind = 'action'
                and (in_context.negations_before = 1 or in_context.negations_after = 1)
                then -1.0 * in_context.weight
            when in_context.kind = 'action' then 0.3 * in_context.weight
            when in_context.negations_before = 1 or in_context.negations_next = 1
                then -0.7 * in_context.weight
            else 1.0 * in_context.weight
        end * case when in_context.intensifiers_before = 1 then 1.5 else 1.0 end as value

    from in_context
    where in_context.kind in ('opinion', 'action')

),

-- In exact numbers, so that no order of rows shows in a sum.
sums as (

    select
        weighed.comment_id,
        sum(cast(weighed.value as decimal(18, 4))) as value_sum

    from weighed
    group by weighed.comment_id

),

-- From -1 to 1: one strong word says as much as several, and none outshouts all others.
sentiments as (

    select
        {{ 'touched' if is_incremental() else 'comments' }}.comment_id,
        comments.ticket_id,
        languages.language,
        case
            when languages.language is not null
                then
                    cast(
                        coalesce(sums.value_sum, 0)
                        / sqrt(coalesce(sums.value_sum, 0) * coalesce(sums.value_sum, 0) + 4)
                        as decimal(18, 3)
                    )
        end as sentiment_score,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    {% if is_incremental() %}
    -- a comment that is no more makes way: a row without a ticket
    from touched
    left join comments on touched.comment_id = comments.comment_id
    left join languages
        on
            comments.comment_id = languages.comment_id
            and languages.language_rank = 1
    left join sums on comments.comment_id = sums.comment_id
    {% else %}
    from comments
    left join languages
        on
            comments.comment_id = languages.comment_id
            and languages.language_rank = 1
    left join sums on comments.comment_id = sums.comment_id
    {% endif %}

)

select * from sentiments
