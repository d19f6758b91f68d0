{# The entries of vars.customer_records, checked and with every setting filled in.

   Returns: a list of {model, record_key, identified_by, parent_key}; identified_by is empty, and parent_key none,
   where an entry has none.
   Errors: an unknown setting; one that is missing; a model that stands twice. #}
{% macro customer_record_entries() -%}
    {%- set settings = ['model', 'record_key', 'identified_by', 'parent_key'] -%}
    {%- set models = var('customer_records') | map(attribute='model') | list -%}
    {%- set entries = [] -%}
    {%- for entry in var('customer_records') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _customer_record_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['model', 'record_key'] if not entry.get(setting) -%}
            {{- _customer_record_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if models.count(entry.model) > 1 -%}
            {{- _customer_record_error(entry, "stands there twice. Name all its identifiers in one entry") -}}
        {%- endif -%}
        {%- do entries.append({
            'model': entry.model,
            'record_key': entry.record_key,
            'identified_by': entry.get('identified_by') or [],
            'parent_key': entry.get('parent_key'),
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{# The entry of one staging model. Errors: vars.customer_records does not list it. #}
{% macro customer_record_entry(model_name) -%}
    {%- for entry in customer_record_entries() if entry.model == model_name -%}
        {{ return(entry) }}
    {%- endfor -%}
    {{- exceptions.raise_compiler_error(
        "'" ~ model_name ~ "' is no entry of customer_records. Add it in dbt_project.yml under vars: "
        ~ "{model: " ~ model_name ~ ", record_key: ..., identified_by: [...]}."
    ) -}}
{%- endmacro %}

{% macro _customer_record_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("customer_records: the entry of '" ~ entry.get('model', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# What a staged row says, as one number: a row whose number differs is worked on anew. Staging keeps one of the raw
   row and of what it makes of it (macros/source_changes.sql); where a model has none, it is made of its columns. Those
   that begin with an underscore are the loader's and staging's bookkeeping, and say nothing about a customer.

   Args: entry (of vars.customer_records), rows (alias of the rows).
   Returns: a whole-number expression. #}
{% macro content_digest(entry, rows) -%}
    {%- set columns = [rows ~ '.' ~ entry.record_key] -%}
    {%- if execute and model.resource_type != 'unit_test' -%}
        {%- set names = _staged_columns(entry.model) -%}
        {%- if '_source_digest' in names -%}
            {{ return(rows ~ '._source_digest') }}
        {%- endif -%}
        {%- if names -%}
            {%- set columns = [] -%}
            {%- for name in names if not name.startswith('_') -%}
                {%- do columns.append(rows ~ '.' ~ name) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- elif execute -%}
        {%- for column in entry.identified_by -%}
            {%- do columns.append(rows ~ '.' ~ column) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ quick_hash(columns | sort) }}
{%- endmacro %}

{# Names of a staging model's columns as it was built last, asked for once per model that reads them. #}
{% macro _staged_columns(model_name) -%}
    {%- set known_as = 'kenning_columns_of_' ~ model_name -%}
    {%- if known_as not in model -%}
        {%- set relation = load_relation(ref(model_name)) -%}
        {%- set columns = adapter.get_columns_in_relation(relation) if relation is not none else [] -%}
        {%- do model.update({known_as: columns | map(attribute='name') | list}) -%}
    {%- endif -%}
    {{ return(model[known_as]) }}
{%- endmacro %}

{# One of a quarter of a million buckets that a row lies in. Args: digest. Returns: a whole-number expression. #}
{% macro digest_bucket(digest) -%}
    mod({{ digest }}, 262144)
{%- endmacro %}
