{# A part of an amount that belongs to each of several rows, to the cent: the parts add up to the whole, since each
   is the rounded sum so far less the rounded sum before.

   Args: factor (what one unit is worth), running_total (sum up to and with the row), value (of the row).
   Returns: an expression of type decimal(18, 2). #}
{% macro running_share(factor, running_total, value) -%}
    {{ money(money(factor ~ ' * ' ~ running_total) ~ ' - ' ~ money(factor ~ ' * (' ~ running_total ~ ' - ' ~ value ~ ')')) }}
{%- endmacro %}

{# The window of a running sum over the lines of an order, as they stand in it.

   Args: rows (alias of the lines, with order_key, line_index and order_line_key). Returns: what goes into over (). #}
{% macro lines_so_far(rows) -%}
    partition by {{ rows }}.order_key
            order by {{ rows }}.line_index, {{ rows }}.order_line_key
            rows between unbounded preceding and current row
{%- endmacro %}
