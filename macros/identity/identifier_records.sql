{# The entries of vars.identifier_sources, checked and with every setting filled in.

   Returns: a list of {model, record_key, seen_at, deleted, only, appended_at, identifiers}; the settings
   that an entry may do without are none where it does.
   Errors: an unknown setting; one that is missing; appended_at beside deleted; a model that stands twice. #}
{% macro identifier_source_entries() -%}
    {%- set settings = ['model', 'record_key', 'seen_at', 'deleted', 'only', 'appended_at', 'identifiers'] -%}
    {%- set models = var('identifier_sources') | map(attribute='model') | list -%}
    {%- set entries = [] -%}
    {%- for entry in var('identifier_sources') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _identifier_source_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['record_key', 'identifiers'] if not entry.get(setting) -%}
            {{- _identifier_source_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if entry.get('appended_at') and entry.get('deleted') -%}
            {{- _identifier_source_error(entry, "has both appended_at and deleted. A source of which rows are deleted does not only grow: leave appended_at out") -}}
        {%- endif -%}
        {%- if models.count(entry.model) > 1 -%}
            {{- _identifier_source_error(entry, "stands there twice. Put its identifiers into one entry") -}}
        {%- endif -%}
        {%- do entries.append({
            'model': entry.model,
            'record_key': entry.record_key,
            'seen_at': entry.get('seen_at'),
            'deleted': entry.get('deleted'),
            'only': entry.get('only'),
            'appended_at': entry.get('appended_at'),
            'identifiers': entry.identifiers,
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{% macro _identifier_source_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("identifier_sources: the entry of '" ~ entry.get('model', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# Whether one row comes before another: by time, unknown times last, then by key.

   Args: time, key, other_time, other_key (SQL expressions). Returns: a condition, false for a row of nulls. #}
{% macro comes_first(time, key, other_time, other_key) -%}
    coalesce(
        {{ time }} < {{ other_time }}
        or ({{ time }} is not null and {{ other_time }} is null)
        or ({{ time }} = {{ other_time }} and {{ key }} < {{ other_key }})
        or ({{ time }} is null and {{ other_time }} is null and {{ key }} < {{ other_key }}),
        false
    )
{%- endmacro %}

{# The identifier columns of one entry of vars.identifier_sources, checked.

   Args: entry (dict with model and identifiers).
   Returns: a list of {column, type, expression}; expression applies the type's normaliser, where it has one.
   Errors: a type that vars.identifier_types does not list; a normaliser that is no macro. #}
{% macro identifier_columns(entry) -%}
    {%- set types = {} -%}
    {%- for type in identifier_type_entries() -%}
        {%- do types.update({type.type: type}) -%}
    {%- endfor -%}
    {%- set given = entry.identifiers -%}
    {%- set columns = [] -%}
    {%- for column in given -%}
        {%- set type = given[column] if given is mapping else column -%}
        {%- if type not in types -%}
            {{- exceptions.raise_compiler_error(
                "identifier_sources, " ~ entry.model ~ ": column '" ~ column ~ "' has the identifier type '" ~ type
                ~ "', which identifier_types does not list. Known: " ~ types.keys() | join(', ')
                ~ ". Correct it in dbt_project.yml under vars."
            ) -}}
        {%- endif -%}
        {%- set normaliser = types[type].normaliser -%}
        {%- if normaliser and normaliser not in context -%}
            {{- exceptions.raise_compiler_error(
                "identifier_types: '" ~ type ~ "' has the normaliser '" ~ normaliser
                ~ "', which is no macro of this project. Name one of macros/, such as normalized_email."
            ) -}}
        {%- endif -%}
        {%- do columns.append({
            'column': column,
            'type': type,
            'expression': context[normaliser](column) if normaliser else column,
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}

{# How many identifiers a record of any source can hold. Returns: a whole number. #}
{% macro identifier_slots() -%}
    {%- set counts = [] -%}
    {%- for entry in var('identifier_sources') -%}
        {%- do counts.append(entry.identifiers | length) -%}
    {%- endfor -%}
    {{ return(counts | max) }}
{%- endmacro %}

{# The sources of which one row can name two identifiers of a type. Returns: a list of models. #}
{% macro sources_with_twin_columns() -%}
    {%- set models = [] -%}
    {%- for entry in var('identifier_sources') -%}
        {%- set types = identifier_columns(entry) | map(attribute='type') | list -%}
        {%- if types | unique | list | length < types | length -%}
            {%- do models.append(entry.model) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(models) }}
{%- endmacro %}

{# What a record is known by: its source, the types of its identifiers, and their values.

   Control characters part the values, and stand for one that is null; no normal form holds them, so no two
   records read alike.
   Args: entry (of vars.identifier_sources).
   Returns: an expression over the columns of the entry's model. #}
{% macro record_fingerprint(entry) -%}
    {%- set columns = identifier_columns(entry) -%}
    {%- set values = [] -%}
    {%- for identifier in columns -%}
        {%- do values.append('coalesce(' ~ identifier.expression ~ ', chr(31))') -%}
    {%- endfor -%}
    {{ fingerprint("concat_ws(chr(30), '" ~ entry.model ~ ' ' ~ columns | map(attribute='type') | join(' ') ~ "', " ~ values | join(', ') ~ ")") }}
{%- endmacro %}

{# One of half a million buckets, in which all rows of a record lie, whichever source it is of.

   Args: entry (of vars.identifier_sources). Returns: a whole-number expression over its model's columns. #}
{% macro record_bucket(entry) -%}
    {%- set columns = identifier_columns(entry) -%}
    mod({{ quick_hash(["'" ~ entry.model ~ ' ' ~ columns | map(attribute='type') | join(' ') ~ "'"] + columns | map(attribute='expression') | list) }}, 524288)
{%- endmacro %}

{# What the identity stage reads of a row, as one number; those of a group of rows are added up.

   Args: entry (of vars.identifier_sources). Returns: a whole-number expression over its model's columns. #}
{% macro row_digest(entry) -%}
    {{ summable_hash(identifier_columns(entry) | map(attribute='expression') | list + [entry.record_key, entry.seen_at or "''"]) }}
{%- endmacro %}

{# The condition for rows of a source to count. Args: entry. Returns: a condition over its model's columns. #}
{% macro is_counted_row(entry) -%}
    (
        {%- for identifier in identifier_columns(entry) %}
        {{ 'or ' if not loop.first }}{{ identifier.expression }} is not null
        {%- endfor %}
    )
    {%- if entry.deleted %}
    and not {{ entry.deleted }}
    {%- endif %}
    {%- if entry.only %}
    and {{ entry.only }}
    {%- endif %}
{%- endmacro %}

{# The identifiers of records, one a row.

   Args: records (name of a CTE with the columns of int_identity__records).
   Returns: a query: fingerprint, identifier_type, identifier_value, first_seen_at, last_seen_at,
   record_count, is_current. A value that stands in two columns of a record, such as phone and mobile
   phone, comes once. #}
{% macro record_identifiers(records) -%}
    {%- for slot in range(1, identifier_slots() + 1) %}
    select
        {{ records }}.fingerprint,
        case {{ records }}.source_model
        {%- for entry in var('identifier_sources') if entry.identifiers | length >= slot %}
            when '{{ entry.model }}' then '{{ identifier_columns(entry)[slot - 1].type }}'
        {%- endfor %}
        end as identifier_type,
        {{ records }}.identifier_{{ slot }} as identifier_value,
        {{ records }}.first_seen_at,
        {{ records }}.last_seen_at,
        {{ records }}.record_count,
        {{ records }}.is_current
    from {{ records }}
    where
        {{ records }}.identifier_{{ slot }} is not null
        {%- for entry in var('identifier_sources') if entry.identifiers | length >= slot -%}
        {%- set columns = identifier_columns(entry) -%}
        {%- for earlier in range(1, slot) if columns[earlier - 1].type == columns[slot - 1].type %}
        and not (
            {{ records }}.source_model = '{{ entry.model }}'
            and {{ records }}.identifier_{{ earlier }} is not null
            and {{ records }}.identifier_{{ earlier }} = {{ records }}.identifier_{{ slot }}
        )
        {%- endfor -%}
        {%- endfor %}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
