{# The row of int_identity__runs that a run begins with: its number, and digests of the rules that hold in it.

   Args: last_run (scalar SQL expression, the run before; 0 for none).
   Returns: a query of one row with the columns of int_identity__runs. #}
{% macro identity_run_row(last_run) -%}
    {#- What a limit says concerns clusters alone: a changed one leaves the identifiers themselves as they are. #}
    {%- set node_types = [] -%}
    {%- for entry in identifier_type_entries() -%}
        {%- do node_types.append([entry.type, entry.entity, entry.limit == 1, entry.merges, entry.max_linked, entry.blocked_as, entry.normaliser]) -%}
    {%- endfor -%}
    {%- set node_settings = [node_types, var('identity_entities'), identity_hygiene()] -%}
    {%- set cluster_settings = [var('identifier_types'), var('supercluster_identifiers')] -%}
    select
        cast({{ last_run }} + 1 as {{ dbt.type_bigint() }}) as run_id,
        {{ as_of() }} as as_of,
        md5('{{ local_md5(tojson(node_settings)) }}' || coalesce(blocking_rules.rules_text, '')) as node_rules_fingerprint,
        md5('{{ local_md5(tojson(cluster_settings)) }}' || coalesce(link_rules.rules_text, '')) as cluster_rules_fingerprint,
        '{{ invocation_id }}' as invocation_id,
        {{ 'true' if flags.FULL_REFRESH else 'false' }} as is_full_refresh
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

{# Begin a run where nobody has yet: before each identity model that marks what it changes, so that one that
   is run by itself does so with a number that no other model has seen.

   Args: runs (the relation of int_identity__runs; none: beside the model).
   Returns: an insert; nothing in a run that int_identity__runs, or another model, began. #}
{% macro begin_identity_run(runs=none) -%}
    {%- set runs = runs or this.incorporate(path={'identifier': 'int_identity__runs'}) -%}
    {%- if this.identifier not in ['int_identity__runs', 'identity_link_rules'] and config.get('materialized') != 'view' and not _is_begun(runs) -%}
    {%- do check_last_refresh() -%}
    insert into {{ runs }} (run_id, as_of, node_rules_fingerprint, cluster_rules_fingerprint, invocation_id, is_full_refresh)
    select run_id, as_of, node_rules_fingerprint, cluster_rules_fingerprint, invocation_id, is_full_refresh
    from ({{ identity_run_row('(select coalesce(max(run_id), 0) from ' ~ runs ~ ')') }}) as begun
    where not exists (select 1 from {{ runs }} as known where known.invocation_id = '{{ invocation_id }}')
    {%- endif -%}
{%- endmacro %}

{% macro _is_begun(runs) -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] and load_relation(runs) is not none -%}
        {{ return(run_query("select count(*) as row_count from " ~ runs ~ " where invocation_id = '" ~ invocation_id ~ "'").columns[0].values()[0] | int > 0) }}
    {%- endif -%}
    {{ return(false) }}
{%- endmacro %}

{# Stop a run that would go on from a half-done full refresh. Tables that were rebuilt have forgotten what is
   gone, and those that were not would never hear of it: an erased person would stay.

   A refresh is done when identity_stats, which comes last, has counted it. #}
{% macro check_last_refresh() -%}
    {%- if execute and flags.WHICH in ['run', 'build', 'retry'] and not flags.FULL_REFRESH -%}
        {%- set runs = load_relation(this.incorporate(path={'identifier': 'int_identity__runs'})) -%}
        {%- set stats = load_relation(this.incorporate(path={'identifier': 'identity_stats'})) -%}
        {%- if runs is not none -%}
            {%- set last_refresh = run_query('select coalesce(max(run_id), 0) as run_id from ' ~ runs ~ ' where is_full_refresh').columns[0].values()[0] | int -%}
            {%- set last_counted = 0 if stats is none else run_query('select coalesce(max(run_id), 0) as run_id from ' ~ stats).columns[0].values()[0] | int -%}
            {%- if last_refresh > last_counted -%}
                {{- exceptions.raise_compiler_error("A full refresh of the identity stage broke off (run " ~ last_refresh ~ " of int_identity__runs), so some of its tables are new and some are old. Nothing was changed now. Finish it: dbt run --full-refresh --profiles-dir . -s models/identity") -}}
            {%- endif -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
