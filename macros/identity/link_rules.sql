{# Every link and never-link rule: those of the seed, reviewed in a pull request, and those that the
   commands `kenning identity link` and `kenning identity unmerge` wrote.

   Returns: a query with the columns of the seed link_rules, all of them texts but for decided_on. #}
{% macro link_rule_rows() -%}
    {%- for relation in ['link_rules', 'identity_link_rules'] %}
    select
        {%- for column in ['rule_id', 'action', 'left_type', 'left_value', 'right_type', 'right_value', 'reason', 'author'] %}
        cast({{ column }} as {{ dbt.type_string() }}) as {{ column }},
        {%- endfor %}
        cast(decided_on as {{ dbt.type_timestamp() }}) as decided_on
    from {{ ref(relation) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{# Stop the build when link rules contradict each other: a pair that must be apart although link rules join
   it, directly or by way of others. The message names the rules by rule_id, never the identifiers.

   Rules are written by people, so there are few: they are read and joined up here. #}
{% macro check_link_rules() -%}
    {%- if execute and flags.WHICH in ['run', 'build'] -%}
        {%- set rules = run_query('select rule_id, action, left_type, left_value, right_type, right_value from (' ~ link_rule_rows() ~ ') as link_rules order by rule_id').rows -%}
        {%- set group_of = {} -%}
        {%- for rule in rules -%}
            {%- if rule[1] not in ['link', 'never_link'] -%}
                {{- exceptions.raise_compiler_error("Link rule '" ~ rule[0] ~ "' has the action '" ~ rule[1] ~ "'. Actions are link and never_link. Nothing was merged or split. Correct it in seeds/link_rules.csv, or take it back: kenning identity lift " ~ rule[0]) -}}
            {%- endif -%}
            {%- if rule[2] == rule[4] and rule[3] == rule[5] -%}
                {{- exceptions.raise_compiler_error("Link rule '" ~ rule[0] ~ "' names one identifier twice. Nothing was merged or split. Correct it in seeds/link_rules.csv, or take it back: kenning identity lift " ~ rule[0]) -}}
            {%- endif -%}
        {%- endfor -%}
        {%- for rule in rules if rule[1] == 'link' -%}
            {%- set left = group_of.get((rule[2], rule[3]), {'members': [(rule[2], rule[3])], 'rules': []}) -%}
            {%- set right = group_of.get((rule[4], rule[5]), {'members': [(rule[4], rule[5])], 'rules': []}) -%}
            {%- set joined = {'members': (left.members + right.members) | unique | list, 'rules': (left.rules + right.rules + [rule[0]]) | unique | list} -%}
            {%- for member in joined.members -%}
                {%- do group_of.update({member: joined}) -%}
            {%- endfor -%}
        {%- endfor -%}
        {%- for rule in rules if rule[1] == 'never_link' -%}
            {%- set group = group_of.get((rule[2], rule[3])) -%}
            {%- if group and (rule[4], rule[5]) in group.members -%}
                {{- exceptions.raise_compiler_error("Link rules contradict each other: '" ~ rule[0] ~ "' says never_link, and link rules join the two: '" ~ group.rules | join("', '") ~ "'. Nothing was merged or split. Take one back: in seeds/link_rules.csv, or by kenning identity lift RULE_ID") -}}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
