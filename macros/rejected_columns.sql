{# Which columns of a row had a value that their normaliser could not read: "email phone"; null when none.

   The value itself is not kept: the source still has it, and a copy would be one more place to erase it from.
   quality_normalisation counts these marks.

   Args: raw_values (dict: staging column to SQL expression of what the source sent). The normalised value must be
   at hand as normalized_<column>.
   Returns: a text expression.
   Example: {{ rejected_columns({'email': 'property_email', 'phone': 'property_phone'}) }} as _rejected_columns #}
{% macro rejected_columns(raw_values) -%}
    nullif(
        trim(
            {%- for column, raw_value in raw_values.items() %}
            case
                when {{ trimmed_text(raw_value) }} is not null and normalized_{{ column }} is null then '{{ column }} '
                else ''
            end
            {{- ' ||' if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}
