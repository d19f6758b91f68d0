{# The row of int_identity__runs that a run begins with: its number, and digests of the rules that hold in it.

   Args: last_run (scalar SQL expression, the run before; 0 for none).
   Returns: a query of one row with the columns of int_identity__runs. #}
{% macro identity_run_row(last_run) -%}
    {%- set node_settings = [var('identifier_types'), var('identity_entities'), identity_hygiene()] -%}
    {%- set cluster_settings = [var('identifier_types'), var('supercluster_identifiers')] -%}
    select
        cast({{ last_run }} + 1 as {{ dbt.type_bigint() }}) as run_id,
        {{ as_of() }} as as_of,
        md5('{{ local_md5(tojson(node_settings)) }}' || coalesce(blocking_rules.rules_text, '')) as node_rules_fingerprint,
        md5('{{ local_md5(tojson(cluster_settings)) }}' || coalesce(link_rules.rules_text, '')) as cluster_rules_fingerprint,
        '{{ invocation_id }}' as invocation_id
    from (
        select {{ dbt.listagg(
            "blocked.identifier_type || ' ' || blocked.match || ' ' || blocked.value",
            "chr(30)",
            "order by blocked.identifier_type, blocked.match, blocked.value"
        ) }} as rules_text
        from {{ ref('blocked_identifiers') }} as blocked
    ) as blocking_rules
    cross join (
        select {{ dbt.listagg(
            "links.action || ' ' || links.left_type || ' ' || links.left_value || ' ' || links.right_type || ' ' || links.right_value",
            "chr(30)",
            "order by links.action, links.left_type, links.left_value, links.right_type, links.right_value"
        ) }} as rules_text
        from ({{ link_rule_rows() }}) as links
    ) as link_rules
{%- endmacro %}

{# Begin a run where nobody has yet: before each identity model, so that one that is run by itself marks
   what it changes with a number that no other model has seen.

   Returns: an insert that does nothing in a run that int_identity__runs, or another model, began. #}
{% macro begin_identity_run() -%}
    {%- if this.identifier not in ['int_identity__runs', 'identity_link_rules'] -%}
    {%- set runs = this.incorporate(path={'identifier': 'int_identity__runs'}) -%}
    insert into {{ runs }} (run_id, as_of, node_rules_fingerprint, cluster_rules_fingerprint, invocation_id)
    select run_id, as_of, node_rules_fingerprint, cluster_rules_fingerprint, invocation_id
    from ({{ identity_run_row('(select coalesce(max(run_id), 0) from ' ~ runs ~ ')') }}) as begun
    where not exists (select 1 from {{ runs }} as known where known.invocation_id = '{{ invocation_id }}')
    {%- endif -%}
{%- endmacro %}
