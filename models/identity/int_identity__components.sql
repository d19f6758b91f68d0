{{ config(materialized='connected_components') }}

select
    links.centre_node_id as left_node_id,
    links.node_id as right_node_id

from {{ ref('int_identity__links') }} as links
where not links.is_suppressed
