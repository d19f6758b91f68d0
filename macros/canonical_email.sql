{# The mailbox behind an e-mail address: where a provider ignores dots or a +tag, so does this.

   Gmail ignores both and googlemail.com is the same; Outlook, iCloud, Fastmail and Proton ignore the +tag.
   All else stays as it is, because there two such addresses may be two people.

   Args: email (SQL expression, normal form as normalized_email gives it).
   Returns: a text expression; null when the e-mail is. Example: {{ canonical_email('normalized_email') }} #}
{% macro canonical_email(email) -%}
    {{ return(adapter.dispatch('canonical_email', 'kenning')(email)) }}
{%- endmacro %}

{% macro default__canonical_email(email) -%}
    {%- set tagging_domains = [
        'outlook.com', 'hotmail.com', 'live.com', 'icloud.com', 'me.com', 'fastmail.com', 'proton.me', 'protonmail.com',
    ] -%}
    case
        when substring({{ email }}, 1, 1) = '+' then {{ email }}
        when {{ regexp_replaced(email, '^.*@', '') }} in ('gmail.com', 'googlemail.com')
            then {{ regexp_replaced(email, '[.]|[+@].*$', '') }} || '@gmail.com'
        when {{ regexp_replaced(email, '^.*@', '') }} in ('{{ tagging_domains | join("', '") }}')
            then {{ regexp_replaced(email, '[+][^@]*@', '@') }}
        else {{ email }}
    end
{%- endmacro %}
