{# How core models work on nothing but what is new. int_core__records holds every staged row with the customer it
   is attributed to, and with the customers it was attributed to before; changed_run says in which run that, or
   what the row says, changed last. A core model keeps changed_run too, so it knows by its own rows how far it has
   come, and works anew on the rows or the customers that changed since (macros/identity/run_marks.sql tells more).
   A later run in which the settings differ, or in which time runs backwards, works on everything anew. #}

{# Staged rows of one or several models that a later run works on anew.

   Args: models (list of names, each an entry of vars.customer_records), column (record_key or parent_key).
   Returns: a query with one column, record_key; gone rows are among them. All rows where everything is worked on. #}
{% macro touched_records(models, column='record_key') -%}
    {%- set is_later_run = is_incremental() and not starts_over() -%}
    {%- do ref('int_core__runs') -%}
    select distinct records.{{ column }} as record_key
    from {{ ref('int_core__records') }} as records
    where
        records.source_model in ('{{ models | join("', '") }}')
        and records.{{ column }} is not null
        {%- if is_later_run %}
        and records.changed_run > {{ last_own_run() }}
        {%- endif %}
{%- endmacro %}

{# The same for several models at once, each row with the model that it is staged by.

   Args: models (list of names, each an entry of vars.customer_records).
   Returns: a query with two columns, source_model and record_key. #}
{% macro touched_source_records(models) -%}
    {%- set is_later_run = is_incremental() and not starts_over() -%}
    {%- do ref('int_core__runs') -%}
    select distinct
        records.source_model,
        records.record_key

    from {{ ref('int_core__records') }} as records
    where
        records.source_model in ('{{ models | join("', '") }}')
        {%- if is_later_run %}
        and records.changed_run > {{ last_own_run() }}
        {%- endif %}
{%- endmacro %}

{# Customers that a later run works on anew: those whose staged rows came, went, changed, or were attributed to
   somebody else, and those of whom this table said that time alone would change them by now.

   Args: recheck_at (name of the column of this model that says when time alone changes a row; none without one).
   Returns: a query with one column, customer_id; customers that are no more are among them. #}
{% macro touched_customers(recheck_at=none) -%}
    {#- Said before any condition: dbt looks for references while it parses, when no condition holds. -#}
    {%- set history = ref('int_identity__assignment_history') -%}
    {%- set registry = ref('int_identity__registry') -%}
    {%- do ref('int_core__runs') -%}
    {%- set is_anew = is_incremental() and starts_over() -%}
    {%- set is_later_run = is_incremental() and not is_anew -%}
    select records.customer_id
    from {{ ref('int_core__records') }} as records
    where
        records.customer_id is not null
        {%- if is_later_run %}
        and records.changed_run > {{ last_own_run() }}
        {%- endif %}

    -- union, not union all: one row per customer
    union

    select clusters.customer_id
    from {{ ref('identity_clusters') }} as clusters
    {%- if is_later_run %}
    where clusters.changed_run > {{ last_own_run() }}

    union

    -- those who are no more, too
    select anchors.entity_id
    from {{ history }} as history
    inner join {{ registry }} as anchors
        on history.anchor_node_id = anchors.node_id
    where history.changed_run > {{ last_own_run() }}
    {%- endif %}
    {%- if is_anew %}

    union

    select own_rows.customer_id
    from {{ this }} as own_rows
    {%- elif is_later_run and recheck_at %}

    union

    select own_rows.customer_id
    from {{ this }} as own_rows
    where own_rows.{{ recheck_at }} <= {{ as_of() }}
    {%- endif %}
{%- endmacro %}

{# Customers that a later run works on anew, where a model reads tables of the core and not staged rows alone: those
   of touched_customers, and those of whom one of these tables has a row that was written since. A table that keeps no
   changed_run does not tell which, and then all customers are worked on.

   Args: models (list of names of core models with customer_id), recheck_at (as touched_customers has it).
   Returns: a query with one column, customer_id. #}
{% macro touched_customers_of(models, recheck_at=none) -%}
    {{ touched_customers(recheck_at) }}
    {%- for model_name in models %}
    {%- set relation = ref(model_name) -%}
    {%- if is_incremental() and is_really_running() %}

    union

        {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | list %}
        {%- if 'changed_run' in names %}

    select {{ model_name }}.customer_id
    from {{ relation }} as {{ model_name }}
    where
        {{ model_name }}.customer_id is not null
        and {{ model_name }}.changed_run > {{ last_own_run() }}
        {%- else %}

    select clusters.customer_id
    from {{ ref('identity_clusters') }} as clusters
        {%- endif %}
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{# Whether a later run works on everything anew: the settings, small reference tables or SQL of the profile tables
   differ from those that this table was last made by, or as_of lies before the one it was last made at.

   Returns: true or false; false where a model is only compiled or unit-tested. #}
{% macro starts_over() -%}
    {%- set runs = ref('int_core__runs') -%}
    {%- if not is_incremental() or not is_really_running() -%}
        {{ return(false) }}
    {%- elif 'kenning_starts_over' in model -%}
        {{ return(model['kenning_starts_over']) }}
    {%- endif -%}
    {%- set differing -%}
        select count(*) as row_count
        from {{ runs }} as now_valid
        where
            now_valid.run_id = (select max(latest.run_id) from {{ runs }} as latest)
            and not exists (
                select 1
                from {{ runs }} as known
                where
                    known.run_id = (
                        select max(earlier.run_id)
                        from {{ runs }} as earlier
                        where earlier.run_id <= {{ last_own_run() }}
                    )
                    and known.settings_fingerprint = now_valid.settings_fingerprint
                    and known.as_of <= now_valid.as_of
            )
    {%- endset -%}
    {#- Asked once per model, and kept in the model's own context. -#}
    {%- do model.update({'kenning_starts_over': run_query(differing).columns[0].values()[0] | int > 0}) -%}
    {{ return(model['kenning_starts_over']) }}
{%- endmacro %}

{# What the profile tables are made by, apart from rows: the settings of dbt_project.yml, the small reference
   tables, and the SQL of the models themselves.

   Args: seeds (list of names of small seeds).
   Returns: a text expression; the same text as long as nothing of it changed. #}
{% macro core_settings_fingerprint(settings, seeds) -%}
    {%- set checksums = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and 'core' in node.fqn -%}
            {%- do checksums.append(node.name ~ ' ' ~ node.checksum.checksum) -%}
        {%- endfor -%}
    {%- endif -%}
    '{{ local_md5(tojson(settings) ~ (checksums | sort | join(' '))) }}'
    {%- for seed in seeds %}
    || coalesce((select {{ seed_digest(seed) }} from {{ ref(seed) }} as seeded), '')
    {%- endfor %}
{%- endmacro %}

{# One text for all rows of a small seed, whatever their order. #}
{% macro seed_digest(seed) -%}
    {%- set columns = [] -%}
    {%- if execute and model.resource_type != 'unit_test' -%}
        {%- set relation = load_relation(ref(seed)) -%}
        {%- for column in adapter.get_columns_in_relation(relation) if relation is not none -%}
            {%- do columns.append('seeded.' ~ column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ dbt.cast('sum(' ~ summable_hash(columns or ['1']) ~ ')', dbt.type_string()) }}
{%- endmacro %}

{# Before each core model: begin a run where nobody has yet. Says as well what an incremental one reads to find its
   work: dbt looks for references while it parses, when a model is not yet in a later run.

   Returns: an insert, or nothing. #}
{% macro begin_core_run() -%}
    {%- if model.name not in ['int_core__runs', 'int_core__records', 'customer_corrections', 'int_profile__corrections'] -%}
        {%- for name in ['int_core__runs', 'int_core__records', 'identity_clusters', 'int_identity__assignment_history', 'int_identity__registry'] -%}
            {%- do ref(name) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ begin_identity_run(ref('int_identity__runs')) }}
{%- endmacro %}
