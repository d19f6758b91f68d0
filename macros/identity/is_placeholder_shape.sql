{# Whether a value looks as if somebody typed just anything: one character over and over, or a row of the
   keyboard or of the digits.

   Args: value (SQL expression of a text in lower case).
   Returns: a condition. Only a reason to look: real values can have such a shape, too. #}
{% macro is_placeholder_shape(value) -%}
    (
        (length({{ value }}) >= 4 and translate({{ value }}, left({{ value }}, 1), '') = '')
        {%- for row in ['1234567', '7654321', '0000000', '9999999', 'qwertyu', 'asdfgh', 'abcdefg', 'xxxxx', 'deadbeef', '00000000-0000'] %}
        or {{ value }} like '%{{ row }}%'
        {%- endfor %}
    )
{%- endmacro %}
