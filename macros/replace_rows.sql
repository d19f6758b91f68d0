{# Incremental strategy `replace_rows`: a model's query gives the rows that changed, and what is there under
   the same key makes way for them. A row that meets the model's meta `removed_when` (an SQL condition on the
   query's columns) only makes way: that is how a row leaves a table.

   Unlike delete+insert it can remove; unlike merge it needs no statement that an engine lacks. Both
   statements stand in the transaction of the model, so a reader sees the old rows or the new ones. #}
{% macro get_incremental_replace_rows_sql(arg_dict) -%}
    {%- set target = arg_dict['target_relation'] -%}
    {%- set changed = arg_dict['temp_relation'] -%}
    {%- set key = arg_dict['unique_key'] -%}
    {%- set keys = [key] if key is string else key -%}
    {%- set columns = get_quoted_csv(arg_dict['dest_columns'] | map(attribute='name')) -%}
    {%- set removed_when = config.get('meta', {}).get('removed_when') -%}
    delete from {{ target }}
    where exists (
        select 1
        from {{ changed }} as changed_rows
        where
        {%- for column in keys %}
            {{ 'and ' if not loop.first }}changed_rows.{{ column }} = {{ target }}.{{ column }}
        {%- endfor %}
    );

    insert into {{ target }} ({{ columns }})
    select {{ columns }}
    from {{ changed }}
    {%- if removed_when %}
    where not coalesce({{ removed_when }}, false)
    {%- endif %};
{%- endmacro %}
