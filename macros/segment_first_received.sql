{# Segment messages without the copies that its devices and servers send again: the first received row per id.

   Copies that arrived in the same instant are told apart by when they were loaded, sent and made; copies that
   agree in all of that are the same row. duplicate_count says how many were left out beside each row.

   Args: rows (name of a CTE with the raw columns of a Segment table).
   Returns: a select statement, to stand inside a CTE. Example: {{ segment_first_received('source') }} #}
{% macro segment_first_received(rows) -%}
    select *

    from (
        select
            *,
            row_number() over (
                partition by id
                order by
                    received_at nulls last,
                    uuid_ts nulls last,
                    sent_at nulls last,
                    original_timestamp nulls last,
                    anonymous_id nulls last,
                    user_id nulls last
            ) as copy_index,
            count(*) over (partition by id) - 1 as duplicate_count

        from {{ rows }}
    ) as copies
    where copy_index = 1
{%- endmacro %}
