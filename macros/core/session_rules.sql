{# The rules that visits are cut by, checked (vars.session_rules).

   Returns: a mapping of every rule. Errors: an unknown rule, one that is missing, or a number below 0. #}
{% macro session_rules() -%}
    {%- set numbers = ['idle_minutes', 'max_days', 'max_events', 'max_sent_delay_days', 'ping_seconds', 'ping_lead_seconds', 'max_gap_seconds'] -%}
    {%- set others = ['midnight_time_zone', 'is_split_by_campaign', 'is_page_view_needed', 'sources_with_session_id_only', 'conversion_events', 'internal_ip_prefixes', 'internal_email_domains'] -%}
    {%- set rules = var('session_rules') -%}
    {%- for rule in rules if rule not in numbers + others -%}
        {{- _session_rule_error(rule, 'is none. Rules: ' ~ (numbers + others) | join(', ')) -}}
    {%- endfor -%}
    {%- for rule in numbers + others if rule not in rules -%}
        {{- _session_rule_error(rule, 'is missing. Give it as dbt_project.yml does') -}}
    {%- endfor -%}
    {%- for rule in numbers if rules[rule] is not number or rules[rule] < 0 -%}
        {{- _session_rule_error(rule, "is '" ~ rules[rule] ~ "'. Give a number that is not below 0") -}}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}

{% macro _session_rule_error(rule, complaint) -%}
    {{- exceptions.raise_compiler_error("session_rules: '" ~ rule ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# Visits that a later run cuts anew: those that a hit came to, went from, or changed in.

   Returns: a query with one column, visit_scope; visits that are no more are among them. #}
{% macro touched_visits() -%}
    {%- set is_later_run = is_incremental() and not starts_over() -%}
    select distinct hits.visit_scope
    from {{ ref('int_sessions__hits') }} as hits
    {%- if is_later_run %}
    where hits.changed_run > {{ last_own_run() }}
    {%- endif %}
{%- endmacro %}

{# The session that the tracker itself counts a hit in (vars.session_id_columns).

   Args: source_name, rows (alias of the staged rows).
   Returns: a text expression; null where sessions are cut from the visitor's hits. #}
{% macro tracker_session_id(source_name, rows) -%}
    {%- set column = var('session_id_columns').get(source_name) -%}
    {{ rows ~ '.' ~ column if column else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
{%- endmacro %}
