{{ config(materialized='repaired_components') }}

-- The repair itself reads these too:
-- depends_on: {{ ref('int_identity__components') }}
-- depends_on: {{ ref('int_identity__nodes') }}
-- depends_on: {{ ref('int_identity__overrides') }}
-- depends_on: {{ ref('int_identity__runs') }}

-- A record speaks for an edge as often as it was seen.
select
    links.centre_node_id as left_node_id,
    links.node_id as right_node_id,
    links.is_merging as is_active,
    observations.record_count,
    observations.last_seen_at,
    links.changed_run

from {{ ref('int_identity__links') }} as links
inner join {{ ref('int_identity__observations') }} as observations
    on
        links.fingerprint = observations.fingerprint
        and links.node_id = observations.node_id
