{{ config(
    materialized='incremental',
    incremental_strategy='replace_rows',
    unique_key=['audience_name', 'member_id', 'entered_at'],
    on_schema_change='append_new_columns',
    full_refresh=false,
    post_hook="{{ record_evaluations() }}",
    meta={'removed_when': 'entered_version is null'}
) }}

{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}
{% set no_time = 'cast(null as ' ~ dbt.type_timestamp() ~ ')' %}

with

evaluations as (

    select
        evaluations.*,
        row_number() over (
            partition by evaluations.audience_name
            order by evaluations.changed_run desc
        ) as recency_index

    from {{ ref('int_audiences__evaluations') }} as evaluations

),

-- Audiences with what was recorded of them last. What was evaluated for an instant before that one
-- is no history of what members there were, and is left alone.
definitions as (

    select
        definitions.audience_name,
        definitions.entity,
        definitions.definition_version,
        definitions.is_running,
        definitions.recorded_at,
        evaluations.audience_name is null as is_first,
        coalesce(evaluations.is_running, false) as was_running,
        (
            evaluations.definition_version is distinct from definitions.definition_version
        ) as is_changed

    from {{ ref('int_audiences__definitions') }} as definitions
    left join evaluations
        on
            definitions.audience_name = evaluations.audience_name
            and evaluations.recency_index = 1
    where
        evaluations.recorded_at is null
        or evaluations.recorded_at <= definitions.recorded_at

),

members as (

    select
        members.audience_name,
        members.entity,
        members.member_id,
        members.split_group,
        definitions.definition_version,
        definitions.recorded_at

    from {{ ref('int_audiences__members') }} as members
    inner join definitions on members.audience_name = definitions.audience_name

),

customer_names as (

    select * from {{ ref('identity_customer_ids') }}

),

present_entities as (

    select
        'customer' as entity,
        clusters.customer_id as member_id

    from {{ ref('identity_clusters') }} as clusters

    union all

    select
        'account' as entity,
        accounts.account_id as member_id

    from {{ ref('dim_accounts') }} as accounts

    union all

    select
        'household' as entity,
        households.household_id as member_id

    from {{ ref('dim_households') }} as households

),

named_flips as (

    select
        flips.audience_name,
        flips.member_id,
        flips.condition_name,
        case
            when flips.is_met then flips.condition_name
            else 'not ' || flips.condition_name
        end as flip

    from {{ ref('int_audiences__flips') }} as flips

),

-- What flipped of the conditions of an audience, by member, as one text.
flips as (

    select
        named_flips.audience_name,
        named_flips.member_id,
        {{ dbt.listagg('named_flips.flip', "', '", 'order by named_flips.condition_name') }}
            as flipped

    from named_flips
    group by
        named_flips.audience_name,
        named_flips.member_id

),

known as (

    {% if is_incremental() %}
    select * from {{ this }}
    {% else %}
    select
        members.audience_name,
        members.entity,
        members.member_id,
        members.member_id as customer_id,
        members.split_group,
        members.definition_version as entered_version,
        members.definition_version,
        {{ no_text }} as entered_because,
        {{ no_text }} as exited_because,
        members.recorded_at as entered_at,
        {{ no_time }} as exited_at

    from members
    where false
    {% endif %}
),

-- Spells as they stood just before this evaluation. One for an instant that was evaluated before
-- takes the place of that one: what ended then may go on, and what began then may never have been.
standing as (

    select
        known.*,
        definitions.recorded_at,
        known.entered_at = definitions.recorded_at as is_begun_now

    from known
    inner join definitions on known.audience_name = definitions.audience_name
    where
        known.exited_at is null
        or known.exited_at = definitions.recorded_at

),

continuing as (

    select
        standing.audience_name,
        standing.entity,
        standing.member_id,
        standing.split_group,
        standing.entered_version,
        members.definition_version,
        standing.entered_because,
        {{ no_text }} as exited_because,
        standing.entered_at,
        {{ no_time }} as exited_at,
        (
            standing.exited_at is not null
            or standing.definition_version <> members.definition_version
        ) as is_different

    from standing
    inner join members
        on
            standing.audience_name = members.audience_name
            and standing.member_id = members.member_id
            and standing.split_group is not distinct from members.split_group
    where not standing.is_begun_now

),

exits as (

    select
        standing.audience_name,
        standing.entity,
        standing.member_id,
        standing.split_group,
        standing.entered_version,
        standing.definition_version,
        standing.entered_because,
        case
            when standing.exited_at is not null then standing.exited_because
            when definitions.definition_version is null then 'audience removed'
            when not definitions.is_running then 'ended'
            when present_entities.member_id is null and customer_names.status = 'merged'
                then 'customer merged'
            when present_entities.member_id is null then standing.entity || ' gone'
            when members.member_id is not null then 'split group changed'
            when definitions.is_changed and flips.flipped is not null
                then 'definition changed, ' || flips.flipped
            when definitions.is_changed then 'definition changed'
            else coalesce(flips.flipped, 'no condition flipped')
        end as exited_because,
        standing.entered_at,
        standing.recorded_at as exited_at,
        standing.exited_at is null as is_different

    from standing
    inner join definitions on standing.audience_name = definitions.audience_name
    left join continuing
        on
            standing.audience_name = continuing.audience_name
            and standing.member_id = continuing.member_id
            and standing.entered_at = continuing.entered_at
    left join members
        on
            standing.audience_name = members.audience_name
            and standing.member_id = members.member_id
    left join present_entities
        on
            standing.entity = present_entities.entity
            and standing.member_id = present_entities.member_id
    left join customer_names
        on
            standing.entity = 'customer'
            and standing.member_id = customer_names.customer_id
    left join flips
        on
            standing.audience_name = flips.audience_name
            and standing.member_id = flips.member_id
    where
        not standing.is_begun_now
        and continuing.member_id is null

),

entries as (

    select
        members.audience_name,
        members.entity,
        members.member_id,
        members.split_group,
        members.definition_version as entered_version,
        members.definition_version,
        case
            when begun.member_id is not null then begun.entered_because
            when definitions.is_first then 'first run'
            when exits.exited_because = 'split group changed' then 'split group changed'
            when not definitions.was_running then 'started'
            when definitions.is_changed and flips.flipped is not null
                then 'definition changed, ' || flips.flipped
            when definitions.is_changed then 'definition changed'
            else coalesce(flips.flipped, 'no condition flipped')
        end as entered_because,
        {{ no_text }} as exited_because,
        members.recorded_at as entered_at,
        {{ no_time }} as exited_at,
        (
            begun.member_id is null
            or begun.split_group is distinct from members.split_group
            or begun.definition_version <> members.definition_version
        ) as is_different

    from members
    inner join definitions on members.audience_name = definitions.audience_name
    left join continuing
        on
            members.audience_name = continuing.audience_name
            and members.member_id = continuing.member_id
    left join standing as begun
        on
            members.audience_name = begun.audience_name
            and members.member_id = begun.member_id
            and begun.is_begun_now
    -- Of one member one spell ends at an instant: nobody is in two groups at once.
    left join exits
        on
            members.audience_name = exits.audience_name
            and members.member_id = exits.member_id
    left join flips
        on
            members.audience_name = flips.audience_name
            and members.member_id = flips.member_id
    where continuing.member_id is null

),

-- Rows that only make way.
never_begun as (

    select
        standing.audience_name,
        standing.entity,
        standing.member_id,
        standing.split_group,
        {{ no_text }} as entered_version,
        standing.definition_version,
        standing.entered_because,
        standing.exited_because,
        standing.entered_at,
        standing.exited_at

    from standing
    left join entries
        on
            standing.audience_name = entries.audience_name
            and standing.member_id = entries.member_id
    where
        standing.is_begun_now
        and entries.member_id is null

),

differing as (

    {% for spells in ['continuing', 'exits', 'entries'] %}
    select
        {{ spells }}.audience_name,
        {{ spells }}.entity,
        {{ spells }}.member_id,
        {{ spells }}.split_group,
        {{ spells }}.entered_version,
        {{ spells }}.definition_version,
        {{ spells }}.entered_because,
        {{ spells }}.exited_because,
        {{ spells }}.entered_at,
        {{ spells }}.exited_at

    from {{ spells }}
    where {{ spells }}.is_different

    union all

    {% endfor %}
    select * from never_begun

),

-- Customers bear other ids after merges and splits, and an old spell follows them.
renamed as (

    select
        known.audience_name,
        known.entity,
        known.member_id,
        known.split_group,
        known.entered_version,
        known.definition_version,
        known.entered_because,
        known.exited_because,
        known.entered_at,
        known.exited_at

    from known
    left join customer_names on known.member_id = customer_names.customer_id
    left join differing
        on
            known.audience_name = differing.audience_name
            and known.member_id = differing.member_id
            and known.entered_at = differing.entered_at
    where
        known.entity = 'customer'
        and known.customer_id is distinct from customer_names.current_customer_id
        and differing.member_id is null

),

written as (

    select * from differing

    union all

    select * from renamed

),

memberships as (

    select
        -- keys
        written.audience_name,
        written.entity,
        written.member_id,
        customer_names.current_customer_id as customer_id,

        -- attributes
        written.split_group,
        written.entered_version,
        written.definition_version,
        written.entered_because,
        written.exited_because,

        -- times
        written.entered_at,
        written.exited_at,

        -- bookkeeping
        {{ current_run() }} as changed_run

    from written
    left join customer_names
        on
            written.entity = 'customer'
            and written.member_id = customer_names.customer_id

)

select * from memberships
