{# After audience_memberships, in its transaction: what members were recorded by. The log of evaluations, which says
   how each audience was defined and when; the conditions as they are, which the next run tells flips by; and what
   flipped for audiences that were not due. So a run that ends before the memberships are there loses nothing: the next one compares with the same conditions.

   A run for an instant before the last one records nothing.

   Returns: nothing. #}
{% macro record_evaluations() -%}
    {%- set evaluations = ref('int_audiences__evaluations') -%}
    {%- set definitions = ref('int_audiences__definitions') -%}
    {%- if execute and is_really_running() -%}
        {%- if _is_behind(evaluations) -%}
            {%- do log("Memberships are recorded up to an instant after as_of (" ~ as_of() ~ "), so this run records none. To see who was in an audience then: kenning audiences history, or backdate.", info=true) -%}
        {%- else -%}
            {%- for entity in audience_entities() -%}
                {%- for statement in recorded_conditions_statements(entity, evaluations) -%}
                    {%- do run_query(statement) -%}
                {%- endfor -%}
            {%- endfor -%}
            {%- for statement in pending_flips_statements(definitions) -%}
                {%- do run_query(statement) -%}
            {%- endfor -%}
            {%- do run_query(evaluations_insert(evaluations, definitions)) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{% macro _is_behind(evaluations) -%}
    {{ return(run_query('select count(*) as row_count from ' ~ evaluations ~ ' where recorded_at > ' ~ as_of()).columns[0].values()[0] | int > 0) }}
{%- endmacro %}

{# Bring the recorded conditions of an entity in step with those that hold. Returns: a list of statements. #}
{% macro recorded_conditions_statements(entity, evaluations) -%}
    {%- set conditions = _audience_relation('int_audiences__' ~ entity ~ '_conditions') -%}
    {%- set recorded = _audience_relation('int_audiences__recorded_' ~ entity ~ '_conditions') -%}
    {%- set id = entity ~ '_id' -%}
    {%- set columns = adapter.get_columns_in_relation(conditions) | map(attribute='name') | join(', ') -%}
    {{ return([
        'delete from ' ~ recorded ~ ' where ' ~ id ~ ' not in (select conditions.' ~ id ~ ' from ' ~ conditions
        ~ ' as conditions where conditions.changed_run <= (select coalesce(max(changed_run), 0) from ' ~ evaluations ~ '))',
        'insert into ' ~ recorded ~ ' (' ~ columns ~ ') select ' ~ columns ~ ' from ' ~ conditions
        ~ ' where ' ~ id ~ ' not in (select known.' ~ id ~ ' from ' ~ recorded ~ ' as known)',
    ]) }}
{%- endmacro %}

{# Keep what flipped for audiences that were not due, until they are. Returns: a list of statements. #}
{% macro pending_flips_statements(definitions) -%}
    {%- set pending = _audience_relation('int_audiences__pending_flips') -%}
    {%- set columns = 'audience_name, member_id, condition_name, is_met' -%}
    {{ return([
        'delete from ' ~ pending,
        'insert into ' ~ pending ~ ' (' ~ columns ~ ') select ' ~ columns
        ~ ' from ' ~ _audience_relation('int_audiences__flips')
        ~ ' where audience_name in (select definitions.audience_name from ' ~ definitions
        ~ ' as definitions where definitions.evaluated_at < definitions.recorded_at)',
    ]) }}
{%- endmacro %}

{# Write down what was evaluated. Returns: a statement. #}
{% macro evaluations_insert(evaluations, definitions) -%}
    {%- set columns = 'audience_name, entity, definition_version, is_running, evaluated_at, recorded_at' -%}
    insert into {{ evaluations }} ({{ columns }}, member_count, changed_run)
    select
        {{ columns }},
        (
            select count(*)
            from {{ _audience_relation('int_audiences__members') }} as members
            where members.audience_name = definitions.audience_name
        ),
        {{ current_run() }}
    from {{ definitions }} as definitions
{%- endmacro %}

{# A model of the audiences, without a reference that would make it a parent of the memberships a second time. #}
{% macro _audience_relation(name) -%}
    {%- for node in graph.nodes.values() if node.resource_type == 'model' and node.name == name -%}
        {{ return(api.Relation.create(database=node.database, schema=node.schema, identifier=node.alias)) }}
    {%- endfor -%}
{%- endmacro %}
