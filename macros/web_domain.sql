{# The domain of a web address or of a bare domain name, in lower case and without www; null when there is none.

   Args: column (SQL expression of a text, as "https://www.Example.com/about" or "example.com").
   Returns: a text expression. Example: {{ web_domain('website') }} as normalized_domain #}
{% macro web_domain(column) -%}
    {{ return(adapter.dispatch('web_domain', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__web_domain(column) -%}
    {%- set address = regexp_replaced('lower(' ~ trimmed_text(column) ~ ')', '^(?:[a-z]+://)?(?:www[.])?|[:/?#].*$', '') -%}
    {{ regexp_captured(address, '^((?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?[.])+(?:[a-z]{2,63}|xn--[a-z0-9-]+))$') }}
{%- endmacro %}
