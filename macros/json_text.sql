{# One value of a JSON document as text.

   Args: document (SQL expression of a text), path (names with dots between, as "shipping.city").
   Returns: a text expression; null when the value is missing or the document is no JSON.
   Example: {{ json_text('metadata', 'shop_user_id') }} as user_id
   Postgres 16 is the first that can ask whether a text is JSON. #}
{% macro json_text(document, path) -%}
    {%- if not modules.re.match('^[A-Za-z0-9_]+([.][A-Za-z0-9_]+)*$', path) -%}
        {{- exceptions.raise_compiler_error(
            "json_text: '" ~ path ~ "' is no path. Give names of letters, digits and _ with dots between."
        ) -}}
    {%- endif -%}
    {{ return(adapter.dispatch('json_text', 'kenning')(document, path)) }}
{%- endmacro %}

{% macro default__json_text(document, path) -%}
    case when {{ document }} is json then cast({{ document }} as jsonb) #>> '{{ '{' ~ path | replace('.', ',') ~ '}' }}' end
{%- endmacro %}

{% macro duckdb__json_text(document, path) -%}
    case when json_valid({{ document }}) then json_extract_string({{ document }}, '$.{{ path }}') end
{%- endmacro %}

{% macro spark__json_text(document, path) -%}
    get_json_object({{ document }}, '$.{{ path }}')
{%- endmacro %}

{% macro snowflake__json_text(document, path) -%}
    cast(get_path(try_parse_json({{ document }}), '{{ path }}') as varchar)
{%- endmacro %}

{% macro bigquery__json_text(document, path) -%}
    json_value({{ document }}, '$.{{ path }}')
{%- endmacro %}
