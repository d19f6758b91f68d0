{# An amount in the currency's own unit, from a whole number of its smallest units: 1999 in EUR is 19.99.

   Args: amount (SQL expression of a whole number), currency (SQL expression of a text, any case).
   Returns: an expression of type decimal(18, 2). Example: {{ minor_units('amount_refunded', 'currency') }}
   Source: docs.stripe.com/currencies. Three-decimal amounts always end in 0 there, so two decimals lose nothing;
   ISK and UGX are sent with two decimals although they have none. #}
{% macro minor_units(amount, currency) -%}
    {{ return(adapter.dispatch('minor_units', 'kenning')(amount, currency)) }}
{%- endmacro %}

{% macro default__minor_units(amount, currency) -%}
    {%- set without_decimals = [
        'BIF', 'CLP', 'DJF', 'GNF', 'JPY', 'KMF', 'KRW', 'MGA', 'PYG', 'RWF', 'VND', 'VUV', 'XAF', 'XOF', 'XPF',
    ] -%}
    {%- set with_three_decimals = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'] -%}
    case
        when upper({{ currency }}) in ('{{ without_decimals | join("', '") }}') then {{ money(amount) }}
        when upper({{ currency }}) in ('{{ with_three_decimals | join("', '") }}') then {{ money(amount ~ ' / 1000.0') }}
        else {{ money(amount ~ ' / 100.0') }}
    end
{%- endmacro %}
