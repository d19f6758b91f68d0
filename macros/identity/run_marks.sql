{# How identity models know what is new. Every row of their tables carries changed_run, the number of the
   run that wrote it last (int_identity__runs counts them), and a model reads what changed since the last
   run that it wrote itself. So nothing is handed on between models that a crash could lose: a model that
   missed a run catches up from the tables. A run in which a model has nothing to write leaves no mark, and
   the next one looks at the same rows again, which changes nothing. #}

{# The run that is going on. Returns: a scalar subquery. #}
{% macro current_run() -%}
    (select max(runs.run_id) from {{ ref('int_identity__runs') }} as runs)
{%- endmacro %}

{# The last run that this model wrote; 0 when it starts from nothing.

   A number when the model really runs: an engine that knows it skips what is older and joins from the small
   side. It is asked for once per model and kept in the model's own context. Where a model is only compiled or
   unit-tested, the query that would find it.
   Args: column (the run number of the model's rows).
   Returns: a scalar expression. #}
{% macro last_own_run(column='changed_run') -%}
    {%- if not is_incremental() -%}
    0
    {%- elif is_really_running() -%}
    {%- set known_as = 'kenning_last_own_' ~ column -%}
    {%- if known_as not in model -%}
        {%- do model.update({known_as: last_written_run(this, column)}) -%}
    {%- endif -%}
    {{ model[known_as] }}
    {%- else -%}
    (select coalesce(max(own_rows.{{ column }}), 0) from {{ this }} as own_rows)
    {%- endif -%}
{%- endmacro %}

{# The last run that wrote a table, as a number. Asks the warehouse: call it where a model really runs.

   Args: relation, column (the run number of its rows). Returns: a whole number. #}
{% macro last_written_run(relation, column='changed_run') -%}
    {{ return(run_query('select coalesce(max(' ~ column ~ '), 0) as last_run from ' ~ relation).columns[0].values()[0] | int) }}
{%- endmacro %}

{# Whether rules differ from those that this model last worked by.

   Args: rules (node_rules or cluster_rules), column (the run number of the model's rows).
   Returns: a scalar condition, true or false when the model really runs; true when it starts from nothing. #}
{% macro rules_changed(rules, column='changed_run') -%}
    {%- set runs = ref('int_identity__runs') -%}
    {%- if not is_incremental() -%}
    true
    {%- elif is_really_running() -%}
    {%- set differing -%}
        select count(*) as row_count
        from ({{ identity_run_row('0') }}) as now_valid
        where {{ rules }}_fingerprint = (select {{ rules }}_fingerprint from {{ runs }} where run_id = {{ last_own_run(column) }})
    {%- endset -%}
    {{ 'true' if run_query(differing).columns[0].values()[0] | int == 0 else 'false' }}
    {%- else -%}
    coalesce(
        (select runs.{{ rules }}_fingerprint from {{ runs }} as runs where runs.run_id = {{ current_run() }})
        <> (select runs.{{ rules }}_fingerprint from {{ runs }} as runs where runs.run_id = {{ last_own_run(column) }}),
        true
    )
    {%- endif -%}
{%- endmacro %}

{# Whether the model is being run, and not compiled, parsed or unit-tested. #}
{% macro is_really_running() -%}
    {{ return(execute and flags.WHICH in ['run', 'build', 'retry'] and this is not string and model.resource_type == 'model') }}
{%- endmacro %}
