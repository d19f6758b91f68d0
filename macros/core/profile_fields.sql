{# The rules that one of several values of a field is chosen by. Each gives a value a score, and the highest wins; of
   equal scores the latest sighting, then the more trusted source, then the smaller text, then the smaller key. #}
{% macro survivorship_rules() -%}
    {{ return(['most_recent', 'source_priority', 'most_frequent', 'most_complete', 'verified_first', 'longest', 'manual_override']) }}
{%- endmacro %}

{# The entries of vars.profile_fields, checked and with every setting filled in.

   Returns: a list of {field, rule, type, sources, among}; sources are the models that have the field, the most
   trusted first (none for manual_override); among are the fields that most_complete counts.
   Errors: an unknown setting, rule or type; a field that stands twice, that no source has, or that a source has though
   it is set by hand alone; a source that does not have the field; among without most_complete, or the reverse. #}
{% macro profile_field_entries() -%}
    {%- set settings = ['field', 'rule', 'type', 'sources', 'among'] -%}
    {%- set names = var('profile_fields') | map(attribute='field') | list -%}
    {%- set sources = profile_source_entries() -%}
    {%- set entries = [] -%}
    {%- for entry in var('profile_fields') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _profile_field_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['field', 'rule'] if not entry.get(setting) -%}
            {{- _profile_field_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if names.count(entry.field) > 1 -%}
            {{- _profile_field_error(entry, "stands there twice. A field has one rule") -}}
        {%- endif -%}
        {%- if entry.rule not in survivorship_rules() -%}
            {{- _profile_field_error(entry, "has the rule '" ~ entry.rule ~ "', which is none. Rules: " ~ survivorship_rules() | join(', ')) -}}
        {%- endif -%}
        {%- if entry.get('type', 'text') not in ['text', 'date', 'email', 'phone'] -%}
            {{- _profile_field_error(entry, "has the type '" ~ entry.type ~ "', which is none. Types: text, date, email, phone") -}}
        {%- endif -%}
        {%- set having = [] -%}
        {%- for source in sources if entry.field in source.fields.values() -%}
            {%- do having.append(source.model) -%}
        {%- endfor -%}
        {%- for model_name in entry.get('sources', []) if model_name not in having -%}
            {{- _profile_field_error(entry, "names the source '" ~ model_name ~ "', which has no such field in profile_sources. Those that have it: " ~ having | join(', ')) -}}
        {%- endfor -%}
        {%- if entry.rule == 'manual_override' and having -%}
            {{- _profile_field_error(entry, "is set by hand alone (manual_override), but " ~ having | join(', ') ~ " of profile_sources has it too. Take it out there, or choose another rule") -}}
        {%- elif entry.rule != 'manual_override' and not having -%}
            {{- _profile_field_error(entry, "is in no entry of profile_sources. Add it to the fields of one, or make its rule manual_override") -}}
        {%- endif -%}
        {%- if (entry.rule == 'most_complete') != (entry.get('among') is not none) -%}
            {{- _profile_field_error(entry, "needs among, the fields that are counted, with the rule most_complete and with no other") -}}
        {%- endif -%}
        {%- for name in entry.get('among') or [] if name not in names -%}
            {{- _profile_field_error(entry, "counts '" ~ name ~ "' (among), which is no field. Fields: " ~ names | join(', ')) -}}
        {%- endfor -%}
        {%- do entries.append({
            'field': entry.field,
            'rule': entry.rule,
            'type': entry.get('type', 'text'),
            'sources': entry.get('sources') or having,
            'among': entry.get('among') or [],
        }) -%}
    {%- endfor -%}
    {%- for source in sources -%}
        {%- for name in source.fields.values() if name not in names -%}
            {{- _profile_source_error(source, "has the field '" ~ name ~ "', for which profile_fields has no rule. Add {field: " ~ name ~ ", rule: source_priority} there") -}}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{# The entries of vars.profile_sources, checked and with every setting filled in.

   Returns: a list of {model, record_key, observed_at, only, fields, verified}; fields maps columns to fields, verified
   maps fields to SQL conditions; only is none where an entry has none. record_key is that of vars.customer_records.
   Errors: an unknown setting; one that is missing; a model that stands twice or is no entry of customer_records;
   verified for a field that the entry does not have. #}
{% macro profile_source_entries() -%}
    {%- set settings = ['model', 'observed_at', 'only', 'fields', 'verified'] -%}
    {%- set models = var('profile_sources') | map(attribute='model') | list -%}
    {%- set entries = [] -%}
    {%- for entry in var('profile_sources') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _profile_source_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['model', 'observed_at', 'fields'] if not entry.get(setting) -%}
            {{- _profile_source_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if models.count(entry.model) > 1 -%}
            {{- _profile_source_error(entry, "stands there twice. Name all its fields in one entry") -}}
        {%- endif -%}
        {%- set fields = {} -%}
        {%- for column in entry.fields -%}
            {%- do fields.update({column: entry.fields[column] if entry.fields is mapping else column}) -%}
        {%- endfor -%}
        {%- for name in entry.get('verified') or {} if name not in fields.values() -%}
            {{- _profile_source_error(entry, "says when '" ~ name ~ "' is verified, but does not have it. Its fields: " ~ fields.values() | join(', ')) -}}
        {%- endfor -%}
        {%- do entries.append({
            'model': entry.model,
            'record_key': customer_record_entry(entry.model).record_key,
            'observed_at': entry.observed_at,
            'only': entry.get('only'),
            'fields': fields,
            'verified': entry.get('verified') or {},
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{% macro _profile_field_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("profile_fields: the entry of '" ~ entry.get('field', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{% macro _profile_source_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("profile_sources: the entry of '" ~ entry.get('model', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# The score of one row's value of a field by the field's rule; the highest wins. How often a value was seen is not
   to be told by its row: most_frequent counts where all rows are together.

   Args: field (entry of profile_field_entries), source (entry of profile_source_entries), column (of the value).
   Returns: a whole-number expression over the source's columns. #}
{% macro survivorship_score(field, source, column) -%}
    {%- if field.rule == 'source_priority' -%}
    -{{ field.sources.index(source.model) }}
    {%- elif field.rule == 'verified_first' and field.field in source.verified -%}
    case when {{ source.verified[field.field] }} then 1 else 0 end
    {%- elif field.rule == 'longest' -%}
    length({{ dbt.cast(column, dbt.type_string()) }})
    {%- elif field.rule == 'most_complete' -%}
        {%- for other, name in source.fields.items() if name in field.among %}
            {{- ' + ' if not loop.first }}case when {{ other }} is not null then 1 else 0 end
        {%- else %}0{% endfor -%}
    {%- else -%}
    0
    {%- endif -%}
{%- endmacro %}

{# What a source says of the fields that it is read for, one row per row and field, blanks left out.

   Args: source (entry of profile_source_entries).
   Returns: a query: source_model, record_key, field_name, field_value, rule_name, source_priority, rule_score,
   is_verified, observed_at. #}
{% macro profile_source_values(source) -%}
    {%- set fields = profile_field_entries() -%}
    {%- set parts = [] -%}
    {%- for column, name in source.fields.items() -%}
        {%- set field = fields | selectattr('field', 'equalto', name) | first -%}
        {%- if source.model in field.sources -%}
            {%- set part %}
    select
        '{{ source.model }}' as source_model,
        {{ dbt.cast(source.record_key, dbt.type_string()) }} as record_key,
        '{{ name }}' as field_name,
        {{ dbt.cast(column, dbt.type_string()) }} as field_value,
        '{{ field.rule }}' as rule_name,
        {{ field.sources.index(source.model) }} as source_priority,
        {{ survivorship_score(field, source, column) }} as rule_score,
        {{ 'coalesce(' ~ source.verified[name] ~ ', false)' if name in source.verified else 'false' }} as is_verified,
        {{ source.observed_at }} as observed_at
    from {{ source.model }}
    where {{ column }} is not null
            {%- endset -%}
            {%- do parts.append(part) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ parts | join('\n\n    union all\n') }}
{%- endmacro %}

{# What a correction says in the normal form of its field, and null where that cannot be read.

   Args: column (SQL expression of a text), field_name (SQL expression of the field's name). Returns: a text expression. #}
{% macro corrected_value(column, field_name) -%}
    {{ return(adapter.dispatch('corrected_value', 'kenning')(column, field_name)) }}
{%- endmacro %}

{% macro default__corrected_value(column, field_name) -%}
    case
    {%- for field in profile_field_entries() %}
        when {{ field_name }} = '{{ field.field }}' then
        {%- if field.type == 'date' %} {{ regexp_captured(trimmed_text(column), date_text_pattern()) }}
        {%- elif field.type == 'email' %} {{ normalized_email(column) }}
        {%- elif field.type == 'phone' %} {{ regexp_captured(trimmed_text(column), '^([+][1-9][0-9]{6,14})$') }}
        {%- else %} {{ trimmed_text(column) }}
        {%- endif %}
    {%- endfor %}
    end
{%- endmacro %}

{# A pattern for days of the calendar from 1900 to 2099 as YYYY-MM-DD: a text that fits can be cast on any engine. #}
{% macro date_text_pattern() -%}
    {%- set any_year = '(?:19|20)[0-9]{2}-' -%}
    {%- set leap_year = '(?:(?:19|20)(?:0[48]|[2468][048]|[13579][26])|2000)-' -%}
    {%- set days = '(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))' -%}
    {{ return('^(' ~ any_year ~ days ~ '|' ~ leap_year ~ '02-29)$') }}
{%- endmacro %}

{# Types of the identifiers that a customer may be named by in a correction: those of vars.identifier_types. #}
{% macro correction_identifier_types() -%}
    {{ return(customer_record_entry('int_profile__corrections').identified_by) }}
{%- endmacro %}
