{# How staging works on nothing but raw rows that changed, for every loader alike: no column needs to tell of it.

   Each staged row keeps _source_digest, a hash of the raw row that it was made from and of what it was made by. A
   later run compares the digests of all raw rows with those that are staged, as bags: what is there too often or
   too seldom is staged anew, and what is no more leaves. So a change of a setting or of a model's SQL stages
   everything anew, and a late, changed, repeated or deleted raw row is seen whatever its times say.

   find_changed_source_rows (before the model) finds the digests, source_rows reads the rows that have them, and
   the incremental strategy follow_source replaces what is staged. Where several raw rows make one staged row
   (copies of a message), the model's meta names the raw column that they share as source_key, and a changed copy
   brings the others with it: there whole buckets of keys are compared and staged anew. #}

{# Hash of a raw row and of what staging makes of it. Returns: a whole-number expression over the raw columns. #}
{% macro source_digest(columns) -%}
    {%- set made_by = [model.name, graph.nodes[model.unique_id].checksum.checksum, var('default_country')] -%}
    {{ quick_hash(["'" ~ local_md5(tojson(made_by)) ~ "'"] + columns) }}
{%- endmacro %}

{# The scratch table of a later run of this model with the raw rows to stage anew; none in a first one. #}
{% macro changed_source_rows() -%}
    {%- if execute and model.resource_type == 'model' and flags.WHICH in ['run', 'build', 'retry'] and is_incremental() -%}
        {{ return(api.Relation.create(identifier=this.identifier ~ '__changed', type='table')) }}
    {%- endif -%}
    {{ return(none) }}
{%- endmacro %}

{# Before a staging model: find what changed since its last run.

   Returns: a statement that makes the scratch table; nothing in a first run.
   Errors: the table was staged by an earlier version that kept no digests. #}
{% macro find_changed_source_rows() -%}
    {%- set scratch = changed_source_rows() -%}
    {%- if scratch is not none and model.sources -%}
        {%- if '_source_digest' not in adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') -%}
            {{- exceptions.raise_compiler_error(this ~ " was staged by an earlier version, which kept no _source_digest. Stage everything once: dbt run --full-refresh --profiles-dir . -s staging") -}}
        {%- endif -%}
        {%- set source_name, table_name = model.sources[0] -%}
        {%- set key = config.get('meta', {}).get('source_key') -%}
        {{ create_table_as(True, scratch, _changed_digests(source_name, table_name)) if not key else create_table_as(True, scratch, _changed_buckets(source_name, table_name, key)) }}
    {%- endif -%}
{%- endmacro %}

{% macro _changed_digests(source_name, table_name) %}
    select counted.source_digest
    from (
        {{ _counted_digests(source_name, table_name) }}
    ) as counted
    group by counted.source_digest
    having sum(counted.row_count) <> 0
{% endmacro %}

{# Buckets of keys in which the digests of raw rows and of staged ones do not cancel each other out: what shares a
   bucket with a key that changed is staged anew as well, to the same rows. A copy that is not staged is in the sum of
   the row that is. #}
{% macro _changed_buckets(source_name, table_name, key) %}
    {%- set names = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list %}
    select digests.bucket
    from (
        select
            {{ source_key_bucket('raw_rows.' ~ source_column(key)) }} as bucket,
            {{ summable_number('raw_rows._source_digest') }} as summed_digest
        from ({{ raw_rows(source_name, table_name) }}) as raw_rows
        union all
        select
            {{ source_key_bucket('staged._source_key') }} as bucket,
            -{{ summable_number('staged._source_digest') }}
            {%- if '_left_out_digest' in names %} - staged._left_out_digest{% endif %} as summed_digest
        from {{ this }} as staged
    ) as digests
    group by digests.bucket
    having sum(digests.summed_digest) <> 0
{% endmacro %}

{# One of a quarter of a million buckets, in which all copies of a message lie. Args: key (SQL expression).
   Returns: a whole-number expression. #}
{% macro source_key_bucket(key) -%}
    mod({{ quick_hash([key]) }}, 262144)
{%- endmacro %}

{% macro _counted_digests(source_name, table_name) %}
    select
        raw_rows._source_digest as source_digest,
        1 as row_count
    from ({{ raw_rows(source_name, table_name) }}) as raw_rows
    union all
    select
        staged._source_digest as source_digest,
        -1 as row_count
    from {{ this }} as staged
{% endmacro %}

{# Incremental strategy `follow_source`: staged rows of raw rows that changed or went make way for what is there now.
   Both statements stand in one transaction. #}
{% macro get_incremental_follow_source_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set changed = changed_source_rows() -%}
    {%- if not model.sources %}
    -- the source is off, or its table is not landed any more
    delete from {{ target }};
    {%- elif config.get('meta', {}).get('source_key') %}
    delete from {{ target }}
    where _source_key is null or {{ source_key_bucket('_source_key') }} in (select changed.bucket from {{ changed }} as changed);
    {%- else %}
    delete from {{ target }}
    where _source_digest in (select changed.source_digest from {{ changed }} as changed);
    {%- endif %}

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ arg_dict['temp_relation'] }};
{%- endmacro %}
