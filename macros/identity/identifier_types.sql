{# The identifier types of vars.identifier_types, checked and with every setting filled in.

   Returns: a list of {type, rank, entity, limit, limit_days, merges, max_linked, blocked_as, attach_to,
   normaliser}, strongest first; rank 1 is the strongest. limit and limit_days may be none.
   Errors: an unknown setting, entity, or linked type; a limit below 1. #}
{% macro identifier_type_entries() -%}
    {%- set settings = ['type', 'entity', 'unique', 'limit', 'limit_days', 'merges', 'max_linked', 'blocked_as', 'attach_to', 'normaliser'] -%}
    {%- set known = var('identifier_types') | map(attribute='type') | list -%}
    {%- set entities = var('identity_entities') -%}
    {%- set entries = [] -%}
    {%- for entry in var('identifier_types') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _identifier_type_error(entry.type, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- if known.count(entry.type) > 1 -%}
            {{- _identifier_type_error(entry.type, "stands there twice; once is enough") -}}
        {%- endif -%}
        {%- if entry.get('entity', 'customer') not in entities -%}
            {{- _identifier_type_error(entry.type, "is of the entity '" ~ entry.entity ~ "', which identity_entities does not list. Known: " ~ entities.keys() | join(', ')) -}}
        {%- endif -%}
        {%- for linked_type in entry.get('max_linked', {}) if linked_type not in known -%}
            {{- _identifier_type_error(entry.type, "has max_linked for '" ~ linked_type ~ "', which is no identifier type. Known: " ~ known | join(', ')) -}}
        {%- endfor -%}
        {%- for linked_type, linked_limit in entry.get('max_linked', {}).items() if linked_limit | int < 1 -%}
            {{- _identifier_type_error(entry.type, "has max_linked " ~ linked_limit ~ " for '" ~ linked_type ~ "'. Give a whole number from 1; a type that merges nobody has merges: false") -}}
        {%- endfor -%}
        {%- set limit = 1 if entry.get('unique') else entry.get('limit') -%}
        {%- if (limit is not none and limit | int < 1) or (entry.get('unique') and entry.get('limit', 1) != 1) -%}
            {{- _identifier_type_error(entry.type, "has a limit that no customer can keep. Give limit a whole number from 1, or unique: true, which means 1") -}}
        {%- endif -%}
        {%- if entry.get('attach_to', 'most') not in ['most', 'last'] -%}
            {{- _identifier_type_error(entry.type, "has attach_to '" ~ entry.attach_to ~ "'. Give most (the customer it was seen with most) or last (the one it was seen with last)") -}}
        {%- endif -%}
        {%- do entries.append({
            'type': entry.type,
            'rank': loop.index,
            'entity': entry.get('entity', 'customer'),
            'limit': limit,
            'limit_days': entry.get('limit_days'),
            'merges': entry.get('merges', true),
            'max_linked': entry.get('max_linked', {}),
            'blocked_as': entry.get('blocked_as', entry.type),
            'attach_to': entry.get('attach_to', 'most'),
            'normaliser': entry.get('normaliser'),
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{% macro _identifier_type_error(type, complaint) -%}
    {{- exceptions.raise_compiler_error("identifier_types: '" ~ type ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# The identifier types as rows, to join by type or rank.

   Returns: a query of one row per type: identifier_type, type_rank, entity, entity_prefix, rule_type,
   is_merging, attaches_to_last, type_limit, limit_days. #}
{% macro identifier_type_rows() -%}
    {%- set entities = var('identity_entities') -%}
    {%- for entry in identifier_type_entries() %}
    select
        '{{ entry.type }}' as identifier_type,
        {{ entry.rank }} as type_rank,
        '{{ entry.entity }}' as entity,
        '{{ entities[entry.entity].get('id_prefix', entry.entity[0]) }}_' as entity_prefix,
        '{{ entry.blocked_as }}' as rule_type,
        {{ 'true' if entry.merges else 'false' }} as is_merging,
        {{ 'true' if entry.attach_to == 'last' else 'false' }} as attaches_to_last,
        cast({{ entry.limit if entry.limit is not none else 'null' }} as {{ dbt.type_bigint() }}) as type_limit,
        cast({{ entry.limit_days if entry.limit_days is not none else 'null' }} as {{ dbt.type_bigint() }}) as limit_days
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# The rules of max_linked as rows.

   Returns: a query of one row per type and linked type: identifier_type, linked_type, linked_limit. #}
{% macro max_linked_rows() -%}
    {%- set rules = [] -%}
    {%- for entry in identifier_type_entries() -%}
        {%- for linked_type, limit in entry.max_linked.items() -%}
            {%- do rules.append((entry.type, linked_type, limit)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for type, linked_type, limit in rules %}
    select
        '{{ type }}' as identifier_type,
        '{{ linked_type }}' as linked_type,
        {{ limit }} as linked_limit
    {{ 'union all' if not loop.last }}
    {%- else %}
    select
        cast(null as {{ dbt.type_string() }}) as identifier_type,
        cast(null as {{ dbt.type_string() }}) as linked_type,
        cast(null as {{ dbt.type_bigint() }}) as linked_limit
    where false
    {%- endfor %}
{%- endmacro %}

{# The types whose values are counted for each identifier that meets them: those of max_linked, and those of
   which a customer has one. Returns: a list of types. #}
{% macro counted_identifier_types() -%}
    {%- set counted = [] -%}
    {%- for entry in identifier_type_entries() -%}
        {%- do counted.extend(entry.max_linked.keys()) -%}
        {%- if entry.limit == 1 -%}
            {%- do counted.append(entry.type) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(counted | unique | list) }}
{%- endmacro %}

{# Settings of vars.identity_hygiene, with defaults.

   Returns: {shared_by, burst_per_day, block}: a value seen with more than shared_by different values of a
   strong type, or with more than burst_per_day new ones within a day, is suspect; block takes suspects out. #}
{% macro identity_hygiene() -%}
    {%- set given = var('identity_hygiene') -%}
    {{ return({
        'shared_by': given.get('shared_by', 10),
        'burst_per_day': given.get('burst_per_day', 5),
        'block': given.get('block', false),
    }) }}
{%- endmacro %}
