{% set audiences = audience_list() %}
{% set entities = audience_entities() %}

with

evaluations as (

    select * from {{ ref('int_audiences__evaluations') }}

),

definitions as (

    select * from {{ ref('int_audiences__definitions') }}

),

{% for entity in entities %}
{{ entity }}_recorded as (

    select * from {{ ref('int_audiences__recorded_' ~ entity ~ '_conditions') }}

),

-- Everybody who was looked at since members were last recorded: as they are, and as they were then.
{{ entity }}_compared as (

    select
        conditions.{{ entity }}_id as member_id,
        {% for condition in audience_conditions(entity) %}
        conditions.{{ condition }} as is_{{ condition }},
        recorded.{{ condition }} as was_{{ condition }},
        {% endfor %}
        recorded.{{ entity }}_id is null as is_new

    from {{ ref('int_audiences__' ~ entity ~ '_conditions') }} as conditions
    left join {{ entity }}_recorded as recorded
        on conditions.{{ entity }}_id = recorded.{{ entity }}_id
    where
        conditions.changed_run > (
            select coalesce(max(evaluations.changed_run), 0) from evaluations
        )

),

{% endfor %}
-- Of somebody who was not there before no condition flipped, and all of them did.
flips as (

    {% for entity in entities %}
    select
        '{{ entity }}' as entity,
        compared.member_id,
        'new {{ entity }}' as condition_name,
        true as is_met

    from {{ entity }}_compared as compared
    where
        compared.is_new
        and exists (select 1 from {{ entity }}_recorded)

    {% for condition in audience_conditions(entity) %}
    union all

    select
        '{{ entity }}' as entity,
        compared.member_id,
        '{{ condition }}' as condition_name,
        compared.is_{{ condition }} as is_met

    from {{ entity }}_compared as compared
    where compared.is_{{ condition }} <> compared.was_{{ condition }}

    {% endfor %}
    {{ 'union all' if not loop.last }}

    {% else %}
    select
        definitions.entity,
        definitions.audience_name as member_id,
        definitions.audience_name as condition_name,
        definitions.is_running as is_met

    from definitions
    where false
    {% endfor %}
),

uses as (

    select
        definitions.audience_name,
        definitions.entity,
        'new ' || definitions.entity as condition_name

    from definitions

    {% for audience in audiences %}
    {% for condition in audience.conditions | unique %}
    union all

    select
        '{{ audience.name }}' as audience_name,
        '{{ audience.entity }}' as entity,
        '{{ condition }}' as condition_name

    {% endfor %}
    {% endfor %}
),

new_flips as (

    select
        uses.audience_name,
        flips.member_id,
        flips.condition_name,
        flips.is_met

    from flips
    inner join uses
        on
            flips.entity = uses.entity
            and flips.condition_name = uses.condition_name

),

-- Of audiences that were not due since.
pending_flips as (

    select * from {{ ref('int_audiences__pending_flips') }}

),

-- What flipped and flipped back did not flip.
audience_flips as (

    select
        new_flips.audience_name,
        new_flips.member_id,
        new_flips.condition_name,
        new_flips.is_met

    from new_flips
    left join pending_flips
        on
            new_flips.audience_name = pending_flips.audience_name
            and new_flips.member_id = pending_flips.member_id
            and new_flips.condition_name = pending_flips.condition_name
    where pending_flips.member_id is null

    union all

    select
        pending_flips.audience_name,
        pending_flips.member_id,
        pending_flips.condition_name,
        pending_flips.is_met

    from pending_flips
    left join new_flips
        on
            pending_flips.audience_name = new_flips.audience_name
            and pending_flips.member_id = new_flips.member_id
            and pending_flips.condition_name = new_flips.condition_name
    where new_flips.member_id is null

)

select * from audience_flips
