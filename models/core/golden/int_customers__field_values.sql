{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key='customer_id',
    on_schema_change='append_new_columns',
    meta={'removed_when': 'field_name is null and recheck_at is null'}
) }}

{% set sources = profile_source_entries() %}

with

{% if is_incremental() %}
touched as (

    {{ touched_customers(recheck_at='recheck_at') }}

),
{% endif %}

records as (

    select
        records.source_model,
        records.record_key,
        records.customer_id

    from {{ ref('int_core__records') }} as records
    {% if is_incremental() %}
    inner join touched on records.customer_id = touched.customer_id
    {% endif %}
    where
        records.is_current
        and records.customer_id is not null

),

blocked as (

    select * from {{ ref('identity_blocked') }}

),

{% for source in sources %}
{{ source.model }} as (

    select staged.*
    from {{ ref(source.model) }} as staged
    {% if source.only %}
    where {{ source.only }}
    {% endif %}

),

{{ source.model }}__values as (

    {{ profile_source_values(source) }}

),

{% endfor %}
unioned as (

    {% for source in sources %}
    select * from {{ source.model }}__values

    {{ 'union all' if not loop.last }}

    {% endfor %}
),

-- A placeholder is nobody's e-mail or phone number.
sightings as (

    select
        records.customer_id,
        unioned.*

    from unioned
    inner join records
        on
            unioned.source_model = records.source_model
            and unioned.record_key = records.record_key
    left join blocked
        on
            unioned.field_name = blocked.identifier_type
            and unioned.field_value = blocked.identifier_value
    where blocked.identifier_value is null

),

seen as (

    select
        sightings.*,
        -- only all rows together tell how often a value was seen
        case
            when sightings.rule_name = 'most_frequent'
                then
                    count(*) over (
                        partition by
                            sightings.customer_id,
                            sightings.field_name,
                            sightings.field_value
                    )
            else sightings.rule_score
        end as score

    from sightings
    where
        sightings.observed_at is null
        or sightings.observed_at <= {{ as_of() }}

),

-- The same value from the same source counts once, with the row that speaks for it best.
numbered_sightings as (

    select
        seen.*,
        count(*) over (
            partition by
                seen.customer_id,
                seen.field_name,
                seen.field_value,
                seen.source_model
        ) as sighting_count,
        row_number() over (
            partition by
                seen.customer_id,
                seen.field_name,
                seen.field_value,
                seen.source_model
            order by
                seen.score desc,
                case when seen.observed_at is null then 1 else 0 end,
                seen.observed_at desc,
                seen.record_key
        ) as sighting_index

    from seen

),

-- Survivorship: the rule's score, the latest sighting, the more trusted source, the smaller text.
sourced as (

    select
        numbered_sightings.*,
        row_number() over (
            partition by numbered_sightings.customer_id, numbered_sightings.field_name
            order by
                numbered_sightings.score desc,
                case when numbered_sightings.observed_at is null then 1 else 0 end,
                numbered_sightings.observed_at desc,
                numbered_sightings.source_priority,
                numbered_sightings.field_value,
                numbered_sightings.record_key
        ) as source_rank

    from numbered_sightings
    where numbered_sightings.sighting_index = 1

),

winners as (

    select sourced.*
    from sourced
    where sourced.source_rank = 1

),

all_corrections as (

    select
        records.customer_id,
        corrections.correction_id,
        corrections.field_name,
        corrections.field_value,
        corrections.decided_on

    from {{ ref('int_profile__corrections') }} as corrections
    inner join records
        on
            corrections.correction_id = records.record_key
            and records.source_model = 'int_profile__corrections'
    where corrections.field_value is not null

),

-- Of several corrections of a field the latest counts.
numbered_corrections as (

    select
        all_corrections.*,
        row_number() over (
            partition by all_corrections.customer_id, all_corrections.field_name
            order by
                case when all_corrections.decided_on is null then 1 else 0 end,
                all_corrections.decided_on desc,
                all_corrections.correction_id desc
        ) as correction_index

    from all_corrections
    where
        all_corrections.decided_on is null
        or all_corrections.decided_on <= {{ as_of() }}

),

-- The source that would win has come to say what the correction says: it says so now, or one of
-- its rows has said so since.
agreed as (

    select distinct numbered_corrections.correction_id
    from numbered_corrections
    inner join winners
        on
            numbered_corrections.customer_id = winners.customer_id
            and numbered_corrections.field_name = winners.field_name
    -- any of the winning source's rows
    inner join seen
        on
            winners.customer_id = seen.customer_id
            and winners.field_name = seen.field_name
            and winners.source_model = seen.source_model
    where
        seen.field_value = numbered_corrections.field_value
        and (
            winners.field_value = numbered_corrections.field_value
            or seen.observed_at >= numbered_corrections.decided_on
        )

),

corrections as (

    select
        numbered_corrections.*,
        case
            when numbered_corrections.correction_index > 1 then 'superseded'
            when agreed.correction_id is not null then 'agreed'
            else 'in_force'
        end as correction_state

    from numbered_corrections
    left join agreed on numbered_corrections.correction_id = agreed.correction_id

),

-- A correction in force beats every source; one that is not comes after all of them.
candidates as (

    select
        sourced.customer_id,
        sourced.field_name,
        sourced.field_value,
        sourced.rule_name,
        sourced.source_model,
        sourced.record_key,
        sourced.is_verified,
        {{ dbt.cast('null', dbt.type_string()) }} as correction_state,
        sourced.sighting_count,
        sourced.observed_at,
        1 as precedence,
        sourced.source_rank as rank_within

    from sourced

    union all

    select
        corrections.customer_id,
        corrections.field_name,
        corrections.field_value,
        'manual_override' as rule_name,
        'int_profile__corrections' as source_model,
        corrections.correction_id as record_key,
        false as is_verified,
        corrections.correction_state,
        1 as sighting_count,
        corrections.decided_on as observed_at,
        case when corrections.correction_state = 'in_force' then 0 else 2 end as precedence,
        corrections.correction_index as rank_within

    from corrections

),

-- Rows dated after as_of, for the day on which they count.
waiting as (

    select
        sightings.customer_id,
        sightings.observed_at

    from sightings
    where sightings.observed_at > {{ as_of() }}

    union all

    select
        all_corrections.customer_id,
        all_corrections.decided_on as observed_at

    from all_corrections
    where all_corrections.decided_on > {{ as_of() }}

),

next_sightings as (

    select
        waiting.customer_id,
        min(waiting.observed_at) as recheck_at

    from waiting
    group by waiting.customer_id

),

customers as (

    select candidates.customer_id from candidates
    -- union, not union all: one row per customer
    union
    select next_sightings.customer_id from next_sightings
    {% if is_incremental() %}
    union
    select touched.customer_id from touched
    {% endif %}

),

-- A customer of whom nothing is known yet has a row without a field while something is waiting;
-- in a later run one of whom nothing is known any more has it as well, and makes way.
field_values as (

    select
        -- keys
        customers.customer_id,
        candidates.field_name,
        cast(
            case
                when candidates.field_name is not null
                    then
                        row_number() over (
                            partition by customers.customer_id, candidates.field_name
                            order by candidates.precedence, candidates.rank_within
                        )
            end as {{ dbt.type_bigint() }}
        ) as value_rank,

        -- attributes
        candidates.field_value,
        candidates.rule_name,
        candidates.source_model,
        candidates.record_key,
        candidates.correction_state,
        candidates.is_verified,
        cast(candidates.sighting_count as {{ dbt.type_bigint() }}) as sighting_count,
        candidates.observed_at,

        -- bookkeeping
        next_sightings.recheck_at,
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as changed_run

    from customers
    left join candidates on customers.customer_id = candidates.customer_id
    left join next_sightings on customers.customer_id = next_sightings.customer_id

)

select * from field_values
