{# An ISO 3166-1 alpha-2 code in upper case, or null when the text names no country that countries() lists.

   Reads alpha-2, alpha-3 and names in English and local languages, in any case, with or without dots (U.S.A.).

   Args: column (SQL expression of a text).
   Returns: a text expression. Example: {{ normalized_country_code('mailing_country') }} as normalized_country_code
   An expression and not a join, so that staging needs no seed; DuckDB looks up a map, which is 30 times as fast. #}
{% macro normalized_country_code(column) -%}
    {{ return(adapter.dispatch('normalized_country_code', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__normalized_country_code(column) -%}
    {#- One text "NL=netherlands;NL=nederland;..." is searched; its last two blanks are what no match finds. -#}
    {%- set known = namespace(text='') -%}
    {%- for key, code in _country_keys().items() -%}
        {%- set known.text = known.text ~ code ~ '=' ~ dbt.escape_single_quotes(key) ~ ';' -%}
    {%- endfor -%}
    case
        when position('=' || {{ _country_key(column) }} || ';' in '{{ known.text }}') > 0
            then substring('{{ known.text }}', position('=' || {{ _country_key(column) }} || ';' in '{{ known.text }}') - 2, 2)
    end
{%- endmacro %}

{% macro duckdb__normalized_country_code(column) -%}
    map {
    {%- for key, code in _country_keys().items() %}
        '{{ dbt.escape_single_quotes(key) }}': '{{ code }}'{{ ',' if not loop.last }}
    {%- endfor %}
    }[{{ _country_key(column) }}]
{%- endmacro %}

{% macro _country_key(column) -%}
    replace(lower({{ trimmed_text(column) }}), '.', '')
{%- endmacro %}

{% macro _country_keys() -%}
    {%- set keys = {} -%}
    {%- for code, alpha3, prefix, names in countries() -%}
        {%- for name in [code, alpha3] + names -%}
            {%- do keys.update({name | lower | replace('.', ''): code}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}
