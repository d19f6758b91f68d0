{# An e-mail address in its normal form, or null when the text is none.

   Blanks, a display name ("Ada <ada@x.no>") and capitals go. What remains must be one address: a local part
   without stray dots, one @, and a domain of letters, digits and hyphens that ends in letters.

   Args: column (SQL expression of a text).
   Returns: a text expression. Example: {{ normalized_email('property_email') }} as normalized_email
   The shape follows what mail providers accept, not all that RFC 5322 allows: quoted local parts are null. #}
{% macro normalized_email(column) -%}
    {{ return(adapter.dispatch('normalized_email', 'kenning')(column)) }}
{%- endmacro %}

{% macro default__normalized_email(column) -%}
    {%- set blank = '[' ~ blank_characters() ~ ']*' -%}
    {%- set address = regexp_replaced(
        'lower(' ~ trimmed_text(column) ~ ')',
        '^(?:.*<)?' ~ blank ~ '|' ~ blank ~ '(?:>' ~ blank ~ ')?$',
        ''
    ) -%}
    {%- set word = "[a-z0-9!#%&'*+/=?^_{|}~$-]+" -%}
    {%- set label = '[a-z0-9](?:[a-z0-9-]*[a-z0-9])?' -%}
    {{ regexp_captured(
        address,
        '^(' ~ word ~ '(?:[.]' ~ word ~ ')*@(?:' ~ label ~ '[.])+(?:[a-z]{2,63}|xn--[a-z0-9-]+))$'
    ) }}
{%- endmacro %}
