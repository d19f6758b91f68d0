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

   Args: column (the run number of the model's rows).
   Returns: a scalar expression. #}
{% macro last_own_run(column='changed_run') -%}
    {%- if is_incremental() -%}
    (select coalesce(max(own_rows.{{ column }}), 0) from {{ this }} as own_rows)
    {%- else -%}
    0
    {%- endif -%}
{%- endmacro %}

{# Whether rules differ from those that this model last worked by.

   Args: rules (node_rules or cluster_rules), column (the run number of the model's rows).
   Returns: a scalar condition; true when the model starts from nothing. #}
{% macro rules_changed(rules, column='changed_run') -%}
    {%- if is_incremental() -%}
    coalesce(
        (select runs.{{ rules }}_fingerprint from {{ ref('int_identity__runs') }} as runs where runs.run_id = {{ current_run() }})
        <> (select runs.{{ rules }}_fingerprint from {{ ref('int_identity__runs') }} as runs where runs.run_id = {{ last_own_run(column) }}),
        true
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
