{# Whether as_of reached an instant after the last run that wrote this table.

   Args: instant (a timestamp expression). Returns: a condition. #}
{% macro is_reached_anew(instant) -%}
    ({{ instant }} > {{ last_own_as_of() }} and {{ instant }} <= {{ as_of() }})
{%- endmacro %}

{# as_of of the last run that wrote this table: a literal where the model really runs, else the query for it. #}
{% macro last_own_as_of() -%}
    {%- set runs = ref('int_core__runs') -%}
    {%- set long_ago = "cast('0001-01-01 00:00:00' as " ~ dbt.type_timestamp() ~ ")" -%}
    {%- if not is_incremental() -%}
    {{ long_ago }}
    {%- else -%}
    {%- set found -%}
        (
            select max(runs.as_of)
            from {{ runs }} as runs
            where runs.run_id = (
                select max(earlier.run_id) from {{ runs }} as earlier where earlier.run_id <= {{ last_own_run() }}
            )
        )
    {%- endset -%}
    {%- if is_really_running() -%}
    {%- set instant = run_query('select ' ~ dbt.cast(found, dbt.type_string()) ~ ' as as_of').columns[0].values()[0] -%}
    {{ "cast('" ~ instant ~ "' as " ~ dbt.type_timestamp() ~ ")" if instant else long_ago }}
    {%- else -%}
    coalesce({{ found }}, {{ long_ago }})
    {%- endif -%}
    {%- endif -%}
{%- endmacro %}
