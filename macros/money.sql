{# An amount in the currency's own unit, with two decimals.

   Args: amount (SQL expression of a number).
   Returns: an expression of type decimal(18, 2). Example: {{ money('total_price') }} as total_amount #}
{% macro money(amount) -%}
    {{ return(adapter.dispatch('money', 'kenning')(amount)) }}
{%- endmacro %}

{% macro default__money(amount) -%}
    cast({{ amount }} as decimal(18, 2))
{%- endmacro %}
