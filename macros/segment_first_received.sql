{# Segment messages without the copies that its devices and servers send again: the first received row per id.

   Copies that arrived in the same instant are told apart by when they were loaded, sent and made; copies that
   agree in all of that are the same row. duplicate_count says how many were left out beside each row, left_out_digest sums up their
   digests (macros/source_changes.sql).

   Args: rows (name of a CTE with the raw columns of a Segment table).
   Returns: a select statement, to stand inside a CTE. Example: {{ segment_first_received('source') }} #}
{% macro segment_first_received(rows) -%}
    {#- Few messages arrive twice, and only those are sorted: a window over all rows costs twice as much. -#}
    select
        {{ rows }}.*,
        0 as duplicate_count,
        {{ summable_number('0') }} as left_out_digest,
        1 as copy_index
    from {{ rows }}
    left join ({{ _repeated_messages(rows) }}) as repeated on {{ rows }}.id = repeated.id
    where repeated.id is null
    union all
    select *
    from (
        select
            {{ rows }}.*,
            repeated.copy_count - 1 as duplicate_count,
            repeated.copies_digest - {{ summable_number(rows ~ '._source_digest') }} as left_out_digest,
            row_number() over (
                partition by {{ rows }}.id
                order by
                    {{ rows }}.received_at nulls last,
                    {{ rows }}.uuid_ts nulls last,
                    {{ rows }}.sent_at nulls last,
                    {{ rows }}.original_timestamp nulls last,
                    {{ rows }}.anonymous_id nulls last,
                    {{ rows }}.user_id nulls last
            ) as copy_index
        from {{ rows }}
        inner join ({{ _repeated_messages(rows) }}) as repeated on {{ rows }}.id = repeated.id
    ) as copies
    where copies.copy_index = 1
{%- endmacro %}

{# Message ids that stand in several rows. #}
{% macro _repeated_messages(rows) -%}
    select
        {{ rows }}.id,
        count(*) as copy_count,
        sum({{ summable_number(rows ~ '._source_digest') }}) as copies_digest
    from {{ rows }}
    group by {{ rows }}.id
    having count(*) > 1
{%- endmacro %}
