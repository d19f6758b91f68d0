{{ config(materialized='connected_components') }}

select
    links.centre_node_id as left_node_id,
    links.node_id as right_node_id,
    links.is_merging as is_active,
    links.changed_run

from {{ ref('int_identity__links') }} as links

union all

select
    overrides.left_node_id,
    overrides.right_node_id,
    overrides.is_current as is_active,
    overrides.changed_run

from {{ ref('int_identity__overrides') }} as overrides
where overrides.action = 'link'
