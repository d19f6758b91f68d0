"""A graph of two customers, written by hand, in tables with the columns of models/identity.

Ada has an e-mail address, a user id, a cookie and a telephone; Grace a user id and an e-mail address.
Both have used one tablet: it is shared, belongs to Ada, who used it more, and merges nobody.

     1 email ada - 2 user u1 - 3 cookie k1        6 user u2 - 7 email grace
                       |     - 4 phone                |
                       + - - - - - 5 tablet - - - - - +
"""

TABLES = """
create schema identity;
create schema reference;

create table identity.int_identity__runs as
select * from (values
    (1, timestamp '2026-06-01'), (2, timestamp '2026-06-30 12:00:00')
) as t (run_id, as_of);

create table identity.int_identity__registry as
select * from (values
    (1, 'email', 'ada@x.example', 'c_ada'),
    (2, 'user_id', 'u1', 'c_u1'),
    (3, 'anonymous_id', 'k1', 'c_k1'),
    (4, 'phone', '+31611111111', 'c_phone'),
    (5, 'device_id', 'tablet', 'c_tablet'),
    (6, 'user_id', 'u2', 'c_grace'),
    (7, 'email', 'grace@x.example', 'c_mail'),
    (8, 'email', 'info@x.example', 'c_info'),
    (9, 'email_canonical', 'grace@x.example', 'c_canonical')
) as t (node_id, identifier_type, identifier_value, entity_id);

create table identity.int_identity__nodes as
select * from (values
    (1, 3, 'active', timestamp '2026-01-01', 3),
    (2, 1, 'active', timestamp '2026-01-01', 16),
    (3, 7, 'active', timestamp '2026-01-03', 10),
    (4, 5, 'active', timestamp '2026-01-04', 1),
    (5, 6, 'shared', timestamp '2026-01-05', 3),
    (6, 1, 'active', timestamp '2026-02-01', 3),
    (7, 3, 'active', timestamp '2026-02-02', 2),
    (8, 3, 'blocked', timestamp '2026-02-03', 2),
    (9, 4, 'active', timestamp '2026-02-02', 2)
) as t (node_id, type_rank, status, first_seen_at, record_count);
alter table identity.int_identity__nodes add column last_seen_at timestamp;
alter table identity.int_identity__nodes add column shared_linked_type text;
alter table identity.int_identity__nodes add column shared_limit bigint;
alter table identity.int_identity__nodes add column shared_count bigint;
update identity.int_identity__nodes
set shared_linked_type = 'user_id', shared_limit = 1, shared_count = 2
where status = 'shared';

create table identity.int_identity__repairs (
    node_id bigint, is_demoted boolean, rule_name text, linked_type text, linked_limit bigint,
    linked_count bigint
);

create table identity.int_identity__assignments as
select * from (values
    (1, 1, 1, false), (2, 1, 1, false), (3, 1, 1, false), (4, 1, 1, false), (5, 1, 1, true),
    (6, 6, 6, false), (7, 6, 6, false), (8, null, null, false), (9, 6, 6, false)
) as t (node_id, component_id, anchor_node_id, is_shared);

create table identity.int_identity__records as
select * from (values
    (101, 'stg_shop__orders', 'o1', 3, timestamp '2026-01-01', timestamp '2026-03-01'),
    (102, 'stg_web__pages', 'p1', 10, timestamp '2026-01-03', timestamp '2026-01-03'),
    (103, 'stg_crm__contacts', 'n1', 1, timestamp '2026-01-04', timestamp '2026-01-04'),
    (104, 'stg_web__pages', 'p9', 2, timestamp '2026-01-05', timestamp '2026-01-06'),
    (105, 'stg_web__pages', 'p10', 1, timestamp '2026-01-07', timestamp '2026-01-07'),
    (106, 'stg_shop__orders', 'o2', 2, timestamp '2026-02-02', timestamp '2026-02-02'),
    (107, 'stg_shop__customers', 's1', 1, null, null)
) as t (fingerprint, source_model, record_key, record_count, first_seen_at, last_seen_at);

create table identity.int_identity__links as
select * from (values
    (101, 2, 1, true, true), (107, 2, 1, true, true), (102, 2, 3, true, true),
    (103, 2, 4, true, true), (104, 2, 5, true, false), (105, 6, 5, true, false),
    (106, 6, 7, true, true), (106, 6, 9, true, true), (103, 1, 3, false, true)
) as t (fingerprint, centre_node_id, node_id, is_current, is_merging);

create table identity.int_identity__overrides (
    action text, left_node_id bigint, right_node_id bigint, rule_id text, is_current boolean
);

create table identity.identity_link_rules (
    rule_id text, action text, left_type text, left_value text, right_type text,
    right_value text, reason text, author text, decided_on timestamp
);
create table reference.link_rules as select * from identity.identity_link_rules;
create table reference.blocked_identifiers as
select 'email' as identifier_type, 'exact' as match, 'info@x.example' as value, 'ours' as reason;

create table identity.identity_map as
select
    registry.identifier_type, registry.identifier_value, anchors.entity_id as customer_id,
    assignments.is_shared
from identity.int_identity__registry as registry
inner join identity.int_identity__assignments as assignments
    on registry.node_id = assignments.node_id
inner join identity.int_identity__registry as anchors
    on assignments.anchor_node_id = anchors.node_id;

create table identity.identity_customer_ids as
select * from (values
    ('c_ada', 'c_ada', 'active', 1, null), ('c_phone', 'c_ada', 'merged', 1, 1),
    ('c_grace', 'c_grace', 'active', 1, null), ('c_gone', null, 'retired', 1, 1)
) as t (customer_id, current_customer_id, status, first_run, last_run);

create table identity.identity_merges as
select
    2 as run_id, timestamp '2026-06-30 12:00:00' as merged_at, 'c_phone' as from_customer_id,
    'c_ada' as into_customer_id, 1 as identifier_count, 'new_edge' as cause,
    'user_id' as left_identifier_type, 'u1' as left_identifier_value,
    'phone' as right_identifier_type, '+31611111111' as right_identifier_value,
    'stg_crm__contacts' as source_model, 'n1' as record_key;
create table identity.identity_splits as
select
    1 as run_id, timestamp '2026-06-01' as split_at, 'c_grace' as from_customer_id,
    'c_other' as into_customer_id, 2 as identifier_count, 'limit' as cause;

create table identity.identity_clusters as
select * from (values
    ('c_ada', 5, 'user_id:1 email:1 phone:1 device_id:1 anonymous_id:1', 3, true, 0.2),
    ('c_grace', 3, 'user_id:1 email:1 email_canonical:1', 2, false, 0.9)
) as t (customer_id, identifier_count, identifiers_per_type, edge_count, is_supercluster,
    trust_score);

create table identity.identity_review as
select * from (values
    ('device_id', 'tablet', 'shared', false), ('email', 'info@x.example', 'shared', true)
) as t (identifier_type, identifier_value, finding, is_blocked);
"""
