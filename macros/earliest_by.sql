{# The value in the row that comes first: aggregate, for use with group by.

   Args: value, first_by (SQL expression, nulls last), then_by (SQL expression that breaks ties, unique).
   Returns: an aggregate expression of value's type. Example: earliest_by('record_key', 'seen_at', 'record_key')
   Postgres orders an array; DuckDB and Spark have the aggregate itself. #}
{% macro earliest_by(value, first_by, then_by) -%}
    {{ return(adapter.dispatch('earliest_by', 'kenning')(value, first_by, then_by)) }}
{%- endmacro %}

{% macro default__earliest_by(value, first_by, then_by) -%}
    (array_agg({{ value }} order by {{ first_by }} nulls last, {{ then_by }}))[1]
{%- endmacro %}

{% macro duckdb__earliest_by(value, first_by, then_by) -%}
    arg_min({{ value }}, struct_pack(is_unknown := {{ first_by }} is null, first_by := {{ first_by }}, then_by := {{ then_by }}))
{%- endmacro %}

{% macro spark__earliest_by(value, first_by, then_by) -%}
    min_by({{ value }}, struct({{ first_by }} is null, {{ first_by }}, {{ then_by }}))
{%- endmacro %}
