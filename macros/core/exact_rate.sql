{# An exchange rate of the reference table as an exact number, since cents are rounded by it.

   Args: rate (SQL expression of a number). Returns: an expression of type decimal(18, 8). #}
{% macro exact_rate(rate) -%}
    cast({{ rate }} as decimal(18, 8))
{%- endmacro %}
