{# What of an audience holds in a run. `audience` is an entry of audience_list(). #}

{# Entities that an audience with conditions is about: each has a model int_audiences__<entity>_conditions.

   Returns: a list of names. #}
{% macro audience_entities() -%}
    {%- set entities = [] -%}
    {%- for audience in audience_list() if audience.conditions and audience.entity not in entities -%}
        {%- do entities.append(audience.entity) -%}
    {%- endfor -%}
    {{ return(entities | sort) }}
{%- endmacro %}

{# Conditions that audiences about an entity have. Returns: a list of column names, each once. #}
{% macro audience_conditions(entity) -%}
    {%- set names = [] -%}
    {%- for audience in audience_list() if audience.entity == entity -%}
        {%- do names.extend(audience.conditions) -%}
    {%- endfor -%}
    {{ return(names | unique | sort) }}
{%- endmacro %}

{# What tells one definition of an audience from the next. A plain model is its own definition.

   Returns: a text of 12 characters. #}
{% macro audience_version(audience) -%}
    {%- if audience.definition_version -%}
        {{ return(audience.definition_version) }}
    {%- endif -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == 'audience_' ~ audience.name -%}
            {{ return(node.checksum.checksum[:12]) }}
        {%- endfor -%}
    {%- endif -%}
    {{ return('') }}
{%- endmacro %}

{# Whether as_of lies between the first and the last instant of an audience: from starts_at on, and before ends_at.

   Returns: an SQL condition. #}
{% macro audience_is_running(audience) -%}
    {%- set bounds = [] -%}
    {%- if audience.starts_at -%}
        {%- do bounds.append(as_of() ~ ' >= ' ~ _instant(audience.starts_at)) -%}
    {%- endif -%}
    {%- if audience.ends_at -%}
        {%- do bounds.append(as_of() ~ ' < ' ~ _instant(audience.ends_at)) -%}
    {%- endif -%}
    {{ bounds | join(' and ') if bounds else 'true' }}
{%- endmacro %}

{% macro _instant(text) -%}
    cast('{{ text }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}

{# Whether an audience keeps the members it has, since it is not due. One that is worked out hourly, daily or weekly
   is due once in each hour, day or week (from Monday) of UTC, and whenever its definition changed.

   Args: name (of an audience of audience_list()). Called outside any condition, so that dbt sees its references.
   Returns: true or false; false where a model is only compiled or unit-tested. #}
{% macro audience_keeps_members(name) -%}
    {%- set evaluations = none if execute and not is_really_running() else ref('int_audiences__evaluations') -%}
    {%- set audience = audience_list() | selectattr('name', 'equalto', name) | first -%}
    {%- set period = {'hourly': 'hour', 'daily': 'day', 'weekly': 'week'}.get(audience.refresh) -%}
    {%- if not period or not is_really_running() or flags.FULL_REFRESH -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set members = adapter.get_relation(this.database, this.schema, 'audience_' ~ audience.name) -%}
    {%- set log = load_relation(evaluations) -%}
    {%- if members is none or log is none -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set evaluated_since -%}
        select count(*) as row_count
        from {{ log }} as evaluations
        where
            evaluations.audience_name = '{{ audience.name }}'
            and evaluations.changed_run = (
                select max(latest.changed_run)
                from {{ log }} as latest
                where latest.audience_name = '{{ audience.name }}'
            )
            and evaluations.definition_version = '{{ audience_version(audience) }}'
            and evaluations.is_running = ({{ audience_is_running(audience) }})
            and evaluations.evaluated_at >= {{ dbt.date_trunc(period, as_of()) }}
            and evaluations.evaluated_at <= {{ as_of() }}
            -- and the model has these very members, and not those of a run that recorded none
            and evaluations.member_count = (select count(*) from {{ members }})
            and evaluations.member_count = (
                select count(*)
                from {{ members }} as members
                where members.evaluated_at = evaluations.evaluated_at
            )
    {%- endset -%}
    {{ return(run_query(evaluated_since).columns[0].values()[0] | int > 0) }}
{%- endmacro %}

{# When the members that an audience has were worked out.

   Returns: a scalar expression, a timestamp. #}
{% macro audience_evaluated_at(audience) -%}
    {%- if audience_keeps_members(audience.name) -%}
    (select max(evaluations.evaluated_at) from {{ ref('int_audiences__evaluations') }} as evaluations where evaluations.audience_name = '{{ audience.name }}')
    {%- else -%}
    {{ as_of() }}
    {%- endif -%}
{%- endmacro %}
