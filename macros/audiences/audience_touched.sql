{# Members that a later run of a conditions model looks at again: everybody there is, and everybody there was.

   Args: entity (customer), reads (list of the names of the models that conditions read), windows (list of {model,
   column, hours}: a row whose column, a timestamp, lies so many hours before as_of changes a condition at that
   instant, though no row is new).
   Returns: a query with one column, the entity's id. Called outside any condition, so that dbt sees its references. #}
{% macro audience_touched(entity, reads, windows=[]) -%}
    {%- set profile = {'customer': 'dim_customers'}[entity] -%}
    select profiles.{{ entity }}_id
    from {{ ref(profile) }} as profiles

    -- union, not union all: one row per member
    union

    select own_rows.{{ entity }}_id
    from {{ this }} as own_rows
{%- endmacro %}
