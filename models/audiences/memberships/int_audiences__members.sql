{{ config(materialized='view') }}

{% set audiences = audience_list() %}
{% set no_text = 'cast(null as ' ~ dbt.type_string() ~ ')' %}

with

members as (

    {% for audience in audiences %}
    select
        '{{ audience.name }}' as audience_name,
        '{{ audience.entity }}' as entity,
        members.{{ audience.entity }}_id as member_id,
        {{ 'members.split_group' if audience.has_split_groups else no_text }} as split_group

    from {{ ref('audience_' ~ audience.name) }} as members

    {{ 'union all' if not loop.last }}

    {% else %}
    select
        definitions.audience_name,
        definitions.entity,
        {{ no_text }} as member_id,
        {{ no_text }} as split_group

    from {{ ref('int_audiences__definitions') }} as definitions
    where false
    {% endfor %}
)

select * from members
