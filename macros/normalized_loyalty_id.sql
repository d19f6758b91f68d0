{# A loyalty card number "NV" + 9 digits + check digit, or null when the text is none.

   Capitals, blanks and dashes do not matter. The check digit (Luhn, modulo 10 over all ten digits) catches every
   single wrong digit and nearly every swap of two neighbours, as people at the till type them.

   Args: column (SQL expression of a text).
   Returns: a text expression. Example: {{ normalized_loyalty_id('loyalty_card') }} as normalized_loyalty_id
   Source: ISO/IEC 7812-1, annex B. #}
{% macro normalized_loyalty_id(column) -%}
    {{ return(adapter.dispatch('normalized_loyalty_id', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__normalized_loyalty_id(column) -%}
    {%- set text = regexp_replaced('upper(' ~ trimmed_text(column) ~ ')', '[^0-9A-Z]', '') -%}
    {%- set card = regexp_captured(text, '^(NV[0-9]{10})$') -%}
    {#- Doubled digits count by the sum of their own digits: 8 becomes 16 becomes 7. -#}
    {%- set doubled = "translate(" ~ card ~ ", '0123456789', '0246813579')" -%}
    case
        when mod(
            {%- for position in range(3, 13) %}
            cast(substring({{ doubled if position is odd else card }}, {{ position }}, 1) as {{ dbt.type_int() }})
            {{- ' +' if not loop.last }}
            {%- endfor %},
            10
        ) = 0
            then {{ card }}
    end
{%- endmacro %}
