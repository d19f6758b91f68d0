{# A 64-bit hash of several values at once, as fast as the engine can: to tell where to look, never to tell
   what is the same.

   Args: expressions (list of SQL expressions). Returns: a whole-number expression. #}
{% macro quick_hash(expressions) -%}
    {{ return(adapter.dispatch('quick_hash', 'kenning')(expressions)) }}
{%- endmacro %}

{% macro default__quick_hash(expressions) -%}
    hash({{ expressions | join(', ') }})
{%- endmacro %}

{% macro postgres__quick_hash(expressions) -%}
    hashtextextended(concat_ws(chr(30){% for expression in expressions %}, coalesce(cast({{ expression }} as text), chr(31)){% endfor %}), 0)
{%- endmacro %}

{% macro spark__quick_hash(expressions) -%}
    xxhash64({{ expressions | join(', ') }})
{%- endmacro %}

{% macro bigquery__quick_hash(expressions) -%}
    farm_fingerprint(to_json_string([{% for expression in expressions %}cast({{ expression }} as string){{ ', ' if not loop.last }}{% endfor %}]))
{%- endmacro %}

{# A quick hash as a number of which many can be added up and taken away: 64 bits do not hold such a sum.

   Args: expressions (list of SQL expressions). Returns: a whole-number expression. #}
{% macro summable_hash(expressions) -%}
    {{ summable_number(quick_hash(expressions)) }}
{%- endmacro %}

{# The same of a hash that is there already. Args: number (SQL expression). Returns: a whole-number expression. #}
{% macro summable_number(number) -%}
    {{ return(adapter.dispatch('summable_number', 'kenning')(number)) }}
{%- endmacro %}

{% macro default__summable_number(number) -%}
    cast({{ number }} as decimal(38, 0))
{%- endmacro %}

{% macro duckdb__summable_number(number) -%}
    cast({{ number }} as hugeint)
{%- endmacro %}
