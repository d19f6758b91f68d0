{# A phone number in E.164 ("+4791234567"), or null when the text is none.

   Blanks, dashes, dots, parentheses, a leading "tel" and an extension go; 00 is +; a trunk 0 ("+31 (0)6") goes.
   Numbers of the countries in phone_plans() are checked exactly, all others by E.164's general length.
   A number without a country code belongs to the row's country where that has a plan or is the default, and to
   the default where the row names none; elsewhere it is null, because guessing would give it to a stranger.

   Args:
       column (SQL expression of a text).
       default_country: alpha-2 code, from var('default_country').
       country_code: SQL expression of the row's country, alpha-2; none when the table has no country.
   Returns: a text expression.
   Example: {{ normalized_phone('phone', var('default_country').stripe, normalized_country_code('address_country')) }} #}
{% macro normalized_phone(column, default_country, country_code=none) -%}
    {%- if default_country not in countries() | map('first') -%}
        {{- exceptions.raise_compiler_error(
            "normalized_phone: '" ~ default_country ~ "' is no country code. Give the ISO 3166-1 alpha-2 code, "
            ~ "in dbt_project.yml under vars, default_country."
        ) -}}
    {%- endif -%}
    {{ return(adapter.dispatch('normalized_phone', 'kenning')(column, default_country, country_code)) }}
{%- endmacro %}

{% macro default__normalized_phone(column, default_country, country_code=none) -%}
    {#- One number, perhaps behind a word and before an extension; two numbers in one field are nobody's. -#}
    {%- set blank = blank_characters() -%}
    {%- set number = regexp_captured(
        'lower(' ~ trimmed_text(column) ~ ')',
        '^[a-z:.' ~ blank ~ ']*([(]*[+]?[0-9().' ~ blank ~ '/\u2010-\u2013-]*[0-9])[.,;' ~ blank
        ~ ']*(?:(?:ext|extension|x|#|toestel|tst|int|wew|linje)[.:=' ~ blank ~ ']*[0-9]+)?[' ~ blank ~ ']*$'
    ) -%}
    {%- set digits = regexp_replaced(regexp_replaced(number, '[(]0[)]|[^0-9+]', ''), '^00', '+') -%}
    {#- The country stands in front, so that each plan rewrites its own numbers and leaves the others alone. -#}
    {%- set country = "'" ~ default_country ~ "'" -%}
    {%- if country_code is not none -%}
        {%- set country = 'coalesce(' ~ country_code ~ ", '" ~ default_country ~ "')" -%}
    {%- endif -%}
    {%- set international = namespace(sql=country ~ " || ':' || " ~ digits) -%}
    {%- set plans = phone_plans(default_country) -%}
    {%- for plan in plans -%}
        {%- set international.sql = regexp_replaced(
            international.sql,
            '^' ~ plan.country ~ ':' ~ plan.trunk ~ '(' ~ plan.number ~ ')$'
            ~ ('|^[A-Z]*:[+]' ~ plan.prefix ~ plan.trunk ~ '(' ~ plan.number ~ ')$'
               ~ '|^' ~ plan.country ~ ':' ~ plan.prefix ~ (plan.trunk ~ '?' if plan.trunk) ~ '(' ~ plan.number ~ ')$'
               if plan.is_exact),
            '+' ~ plan.prefix ~ '$1' ~ ('$2$3' if plan.is_exact)
        ) -%}
    {%- endfor -%}
    {%- set exact = plans | selectattr('is_exact') | list -%}
    {{ regexp_captured(
        international.sql,
        '^[A-Z:]*([+](?:' ~ _exact_numbers(exact) ~ '|' ~ _first_two_digits_except(exact) ~ '[0-9]{6,13}))$'
    ) }}
{%- endmacro %}

{# The numbering plans that a national number is read by.

   Args: default_country (alpha-2).
   Returns: a list of {country, prefix, trunk, number, is_exact}: trunk is the digit that a national number
   begins with, '' when there is none; number is a pattern of what follows. A country that is listed here is
   checked exactly; the default country, when it is not listed, loosely.
   Sources: ITU-T E.164 national numbering plans of the three countries, as of 2026. #}
{% macro phone_plans(default_country) -%}
    {%- set plans = [
        {'country': 'NL', 'prefix': '31', 'trunk': '0', 'number': '[1-9][0-9]{8}', 'is_exact': true},
        {'country': 'NO', 'prefix': '47', 'trunk': '', 'number': '[2-9][0-9]{7}', 'is_exact': true},
        {'country': 'PL', 'prefix': '48', 'trunk': '', 'number': '[1-9][0-9]{8}', 'is_exact': true},
    ] -%}
    {%- set without_trunk = [
        'CA', 'CY', 'CZ', 'DK', 'EE', 'ES', 'GR', 'HK', 'IS', 'IT', 'LU', 'LV', 'MC', 'MT', 'MX', 'PT', 'SG', 'SM', 'US', 'VA',
    ] -%}
    {%- if default_country not in plans | map(attribute='country') -%}
        {%- set default = countries() | selectattr(0, 'equalto', default_country) | first -%}
        {%- do plans.append({
            'country': default_country,
            'prefix': default[2],
            'trunk': '' if default_country in without_trunk else '0',
            'number': '[0-9]{4,14}' if default_country == 'IT' else '[1-9][0-9]{3,13}',
            'is_exact': false,
        }) -%}
    {%- endif -%}
    {{ return(plans) }}
{%- endmacro %}

{% macro _exact_numbers(plans) -%}
    {%- for plan in plans -%}
        {{ plan.prefix }}{{ plan.number }}{{ '|' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}

{# Two digits that are no prefix of these plans, which all have two. #}
{% macro _first_two_digits_except(plans) -%}
    {%- set prefixes = plans | map(attribute='prefix') | list -%}
    {%- set taken_first_digits = prefixes | map('first') | unique | sort | list -%}
    (?:[
    {%- for first in '123456789' if first not in taken_first_digits %}{{ first }}{% endfor -%}
    ][0-9]
    {%- for first in taken_first_digits -%}
        |{{ first }}[
        {%- for second in '0123456789' if first ~ second not in prefixes %}{{ second }}{% endfor -%}
        ]
    {%- endfor -%}
    )
{%- endmacro %}
