{# The entries of vars.consent_purposes, checked and with every setting filled in.

   Returns: a list of {purpose, channel, address, expires_after_months, banner_scope}; address and banner_scope are
   none where an entry has none, expires_after_months is 0 where a yes never expires.
   Errors: an unknown setting; one that is missing; a purpose and channel that stand twice; an address that is no
   identifier type; months that are no whole number from 0. #}
{% macro consent_purpose_entries() -%}
    {%- set settings = ['purpose', 'channel', 'address', 'expires_after_months', 'banner_scope'] -%}
    {%- set identifier_types = var('identifier_types') | map(attribute='type') | list -%}
    {%- set known = [] -%}
    {%- set entries = [] -%}
    {%- for entry in var('consent_purposes') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _consent_purpose_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['purpose', 'channel'] if not entry.get(setting) -%}
            {{- _consent_purpose_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if [entry.purpose, entry.channel] in known -%}
            {{- _consent_purpose_error(entry, "stands there twice for the channel '" ~ entry.channel ~ "'. Once is enough") -}}
        {%- endif -%}
        {%- if entry.get('address') and entry.address not in identifier_types -%}
            {{- _consent_purpose_error(entry, "has the address '" ~ entry.address ~ "', which is no identifier type. Types: " ~ identifier_types | join(', ')) -}}
        {%- endif -%}
        {%- set months = entry.get('expires_after_months', 0) -%}
        {%- if months is not integer or months < 0 -%}
            {{- _consent_purpose_error(entry, "has expires_after_months " ~ months ~ ". Give a whole number; 0 means that a yes never expires") -}}
        {%- endif -%}
        {%- do known.append([entry.purpose, entry.channel]) -%}
        {%- do entries.append({
            'purpose': entry.purpose,
            'channel': entry.channel,
            'address': entry.get('address'),
            'expires_after_months': months,
            'banner_scope': entry.get('banner_scope'),
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{# The entries of vars.consent_purposes as a query, one row per purpose and channel: purpose, channel, address_type,
   expires_after_months (null: never), banner_scope, channel_count (channels of the purpose). #}
{% macro consent_purpose_rows() -%}
    {%- set entries = consent_purpose_entries() -%}
    {%- set purposes = entries | map(attribute='purpose') | list -%}
    {%- for entry in entries %}
    select
        '{{ entry.purpose }}' as purpose,
        '{{ entry.channel }}' as channel,
        {{ dbt.cast("'" ~ entry.address ~ "'" if entry.address else 'null', dbt.type_string()) }} as address_type,
        {{ dbt.cast(entry.expires_after_months or 'null', dbt.type_int()) }} as expires_after_months,
        {{ dbt.cast("'" ~ entry.banner_scope ~ "'" if entry.banner_scope else 'null', dbt.type_string()) }} as banner_scope,
        {{ purposes.count(entry.purpose) }} as channel_count
        {{- '\n\n    union all\n' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro _consent_purpose_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("consent_purposes: the entry of '" ~ entry.get('purpose', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}
