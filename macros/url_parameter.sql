{# One parameter of a web address's query, as it stands there (percent signs are not decoded).

   Args: url (SQL expression of a text), name (letters, digits, _ and - only).
   Returns: a text expression; null when the parameter is missing or empty.
   Example: {{ url_parameter('context_page_url', 'gclid') }} as gclid #}
{% macro url_parameter(url, name) -%}
    {%- if not modules.re.match('^[A-Za-z0-9_-]+$', name) -%}
        {{- exceptions.raise_compiler_error(
            "url_parameter: '" ~ name ~ "' is no parameter name. Use letters, digits, _ and - only."
        ) -}}
    {%- endif -%}
    {{ return(adapter.dispatch('url_parameter', 'kenning')(url, name)) }}
{%- endmacro %}

{% macro default__url_parameter(url, name) -%}
    {{ regexp_captured(url, '[?&]' ~ name ~ '=([^&#]+)') }}
{%- endmacro %}
