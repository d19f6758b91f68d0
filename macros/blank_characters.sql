{# Characters that people and programs leave around a value, for use inside [...] of a regular expression:
   white space, and the blanks that come along when text is copied from a web page.

   Returns: text for a bracket expression. Example: '^[' ~ blank_characters() ~ ']+'
   Java, and so Spark, has no [:space:]. #}
{% macro blank_characters() -%}
    {{ return(adapter.dispatch('blank_characters', 'kenning')()) }}
{%- endmacro %}

{% macro default__blank_characters() -%}
    {{ return('[:space:]\u00a0\u2007\u202f\u200b\ufeff') }}
{%- endmacro %}

{% macro spark__blank_characters() -%}
    {{ return(' \t\r\n\u00a0\u2007\u202f\u200b\ufeff') }}
{%- endmacro %}
