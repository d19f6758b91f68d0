{# The instant that "now" means in a model: the as_of variable, else KENNING_AS_OF, else the start of this
   dbt invocation. One literal per run, so that every model of a run agrees and a rerun with the same as_of repeats.

   Returns: a timestamp literal, UTC, without a time zone.
   Example: orders.ordered_at >= {{ as_of() }} - interval 90 day #}
{% macro as_of() -%}
    {%- set given = var('as_of') or env_var('KENNING_AS_OF', '') or run_started_at.strftime('%Y-%m-%dT%H:%M:%S') -%}
    {%- set instant = given | string | replace('T', ' ') | replace('Z', '') -%}
    {%- if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?)?$', instant) -%}
        {{- exceptions.raise_compiler_error(
            "as_of is '" ~ given ~ "', which is no UTC timestamp. Give it as YYYY-MM-DDTHH:MM:SS, "
            ~ "in dbt_project.yml under vars or as --vars '{as_of: ...}'."
        ) -}}
    {%- endif -%}
    cast('{{ instant }}' as {{ dbt.type_timestamp() }})
{%- endmacro %}
