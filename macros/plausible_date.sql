{# A date, or null when it cannot be: before the earliest one that makes sense, or after the row was loaded.

   Forms fill in 1900-01-01 when nobody answers; a birthday in the future is a slip of the hand.

   Args: column (SQL expression of a date), earliest (text, YYYY-MM-DD), loaded_at (SQL expression of a time; as_of where
   it is null).
   Returns: a date expression. Example: {{ plausible_date('birth_date', '1900-01-02', 'loaded_at') }} as normalized_birth_date #}
{% macro plausible_date(column, earliest, loaded_at) -%}
    {%- if not modules.re.match('^[0-9]{4}-[0-9]{2}-[0-9]{2}$', earliest) -%}
        {{- exceptions.raise_compiler_error(
            "plausible_date: earliest is '" ~ earliest ~ "'. Give a date as YYYY-MM-DD."
        ) -}}
    {%- endif -%}
    {{ return(adapter.dispatch('plausible_date', 'kenning')(column, earliest, loaded_at)) }}
{%- endmacro %}

{% macro default__plausible_date(column, earliest, loaded_at) -%}
    case
        when cast({{ column }} as date) between cast('{{ earliest }}' as date) and coalesce(cast({{ loaded_at }} as date), cast({{ as_of() }} as date))
            then cast({{ column }} as date)
    end
{%- endmacro %}
