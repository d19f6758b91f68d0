{% set audiences = audience_list() %}

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

listed as (

    {% for audience in audiences %}
    select
        '{{ audience.name }}' as audience_name,
        '{{ audience.entity }}' as entity,
        '{{ audience_version(audience) }}' as definition_version,
        {{ audience_is_running(audience) }} as is_running,
        {{ audience_evaluated_at(audience) }} as evaluated_at

    {{ 'union all' if not loop.last }}

    {% else %}
    select
        evaluations.audience_name,
        evaluations.entity,
        evaluations.definition_version,
        evaluations.is_running,
        evaluations.evaluated_at

    from evaluations
    where false
    {% endfor %}
),

-- An audience that is no more, once: so that its members leave.
unlisted as (

    select
        evaluations.audience_name,
        evaluations.entity,
        cast(null as {{ dbt.type_string() }}) as definition_version,
        false as is_running,
        {{ as_of() }} as evaluated_at

    from evaluations
    left join listed on evaluations.audience_name = listed.audience_name
    where
        evaluations.recency_index = 1
        and listed.audience_name is null
        and (
            evaluations.definition_version is not null
            or evaluations.recorded_at = {{ as_of() }}
        )

),

every_audience as (

    select * from listed

    union all

    select * from unlisted

),

definitions as (

    select
        every_audience.audience_name,
        every_audience.entity,
        every_audience.definition_version,
        every_audience.is_running,
        every_audience.evaluated_at,
        {{ as_of() }} as recorded_at

    from every_audience

)

select * from definitions
