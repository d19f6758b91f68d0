{# Members that a later run of a conditions model looks at anew: those whose facts changed, and those for whom time
   alone moved something since the last run. Everybody, where the conditions themselves, or what the tables of the
   core are made by, changed, and where as_of lies before that of the last run.

   Args:
     entity (customer, account or household). Accounts and households are few, and are all looked at.
     reads (list of names of the models that the conditions read, each with customer_id. One without changed_run does
       not tell who changed, and then everybody is looked at).
     windows (list of {model, column, hours}): a row whose column, a timestamp, lies so many hours before as_of
       changes a condition at that instant, though no row is new.
       With is_date, the column holds days, and a day reaches either way.
     flags (list of columns): conditions that may move for any reason. The model has a CTE of each one's name, before
       the one of this query, with the ids that it holds for now.
   Returns: a query with one column, the entity's id; those who are no more are among them. Nothing in a first
   run. Called outside any condition, so that dbt sees its references. #}
{% macro audience_touched(entity, reads, windows=[], flags=[]) -%}
    {%- if execute and not is_incremental() -%}
        {{ return('') }}
    {%- endif -%}
    {%- do ref('int_audiences__runs') -%}
    {%- set id = entity ~ '_id' -%}
    {%- set is_anew = entity != 'customer' or audience_conditions_differ() -%}
    {%- if is_anew -%}
    {{ _everybody(entity) }}

    union

    -- those who are no more, too
    select own_rows.{{ id }}
    from {{ this }} as own_rows
    {%- else -%}
    {{ touched_customers_of(reads) }}
    {%- set previous = _previous_instant() -%}
    {%- for window in windows %}
    {%- set slack = 24 if window.is_date else 0 %}

    union

    -- {{ window.column }} crossed a border {{ window.hours }} hours ago
    select moved.{{ id }}
    from {{ ref(window.model) }} as moved
    where
        moved.{{ id }} is not null
        and moved.{{ window.column }} >= {{ dbt.dateadd('hour', -window.hours - slack, previous) }}
        and moved.{{ window.column }} <= {{ dbt.dateadd('hour', slack - window.hours, as_of()) }}
    {%- endfor %}
    {%- for flag in flags %}

    union

    select own_rows.{{ id }}
    from {{ this }} as own_rows
    left join {{ flag }} on own_rows.{{ id }} = {{ flag }}.{{ id }}
    where own_rows.{{ flag }} <> ({{ flag }}.{{ id }} is not null)
    {%- endfor %}
    {%- endif %}
{%- endmacro %}

{% macro _everybody(entity) -%}
    {%- if entity == 'customer' -%}
    select clusters.customer_id
    from {{ ref('identity_clusters') }} as clusters
    {%- elif entity == 'account' -%}
    select accounts.account_id
    from {{ ref('dim_accounts') }} as accounts
    {%- else -%}
    select households.household_id
    from {{ ref('dim_households') }} as households
    {%- endif -%}
{%- endmacro %}

{# The as_of of the run that wrote the conditions last. Returns: a timestamp expression; a literal when the model
   really runs, so that an engine skips what lies outside of a window. #}
{% macro _previous_instant() -%}
    {%- set found -%}
    (select runs.as_of from {{ ref('int_audiences__runs') }} as runs where runs.run_id = {{ last_own_run() }})
    {%- endset -%}
    {%- if is_incremental() and is_really_running() -%}
        {%- set instant = run_query('select ' ~ found ~ ' as as_of').columns[0].values()[0] -%}
    cast('{{ instant }}' as {{ dbt.type_timestamp() }})
    {%- else -%}
    {{ found }}
    {%- endif -%}
{%- endmacro %}

{# Whether the conditions are others than those that this model was last made by, or as_of lies before that run.

   Returns: true or false; false where a model is only compiled or unit-tested. #}
{% macro audience_conditions_differ() -%}
    {%- set runs = ref('int_audiences__runs') -%}
    {%- if not is_incremental() or not is_really_running() -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set agreeing -%}
        select count(*) as row_count
        from {{ runs }} as known
        inner join {{ runs }} as now_valid
            on
                known.conditions_fingerprint = now_valid.conditions_fingerprint
                and known.as_of <= now_valid.as_of
        where
            known.run_id = {{ last_own_run() }}
            and now_valid.run_id = {{ current_run() }}
    {%- endset -%}
    {{ return(run_query(agreeing).columns[0].values()[0] | int == 0) }}
{%- endmacro %}

{# What conditions are made by: the SQL of their models.

   Returns: a text literal; the same text as long as nothing of it changed. #}
{% macro audience_conditions_fingerprint() -%}
    {%- set checksums = [] -%}
    {%- if execute -%}
        {%- for node in graph.nodes.values() if node.resource_type == 'model' and modules.re.match('int_audiences__[a-z]+_conditions$', node.name) -%}
            {%- do checksums.append(node.name ~ ' ' ~ node.checksum.checksum) -%}
        {%- endfor -%}
    {%- endif -%}
    '{{ local_md5(checksums | sort | join(' ')) }}'
{%- endmacro %}
