{# Aggregates of a trait, and the type of what each gives; none where the trait says its type itself. #}
{% macro trait_aggregates() -%}
    {{ return({
        'count': 'number', 'sum': 'number', 'average': 'number', 'distinct_count': 'number', 'list': 'text',
        'min': none, 'max': none, 'first': none, 'last': none, 'most_frequent': none, 'sql': none,
    }) }}
{%- endmacro %}

{# The entries of vars.customer_traits, checked and with every setting filled in.

   Returns: a list of {trait, description, fact, at, key, aggregate, value, where, window_days, limit, type, promote,
   pii, tests}; value, where and window_days are none where an entry has none.
   Errors: an unknown setting, aggregate, type, test or fact; one that is missing or does not fit the aggregate; a
   trait that stands twice. #}
{% macro customer_trait_entries() -%}
    {%- set settings = ['trait', 'description', 'fact', 'aggregate', 'sql', 'value', 'where', 'window_days', 'limit', 'type', 'promote', 'pii', 'tests'] -%}
    {%- set names = var('customer_traits') | map(attribute='trait') | list -%}
    {%- set facts = var('trait_facts') -%}
    {%- set aggregates = trait_aggregates() -%}
    {%- set entries = [] -%}
    {%- for entry in var('customer_traits') -%}
        {%- for setting in entry if setting not in settings -%}
            {{- _customer_trait_error(entry, "has the setting '" ~ setting ~ "', which is none. Settings: " ~ settings | join(', ')) -}}
        {%- endfor -%}
        {%- for setting in ['trait', 'description', 'fact'] if not entry.get(setting) -%}
            {{- _customer_trait_error(entry, "lacks " ~ setting) -}}
        {%- endfor -%}
        {%- if not modules.re.match('^[a-z][a-z0-9_]*$', entry.trait) -%}
            {{- _customer_trait_error(entry, "has a name that is no column's. Small letters, digits and underscores") -}}
        {%- endif -%}
        {%- if names.count(entry.trait) > 1 -%}
            {{- _customer_trait_error(entry, "stands there twice") -}}
        {%- endif -%}
        {%- if entry.fact not in facts -%}
            {{- _customer_trait_error(entry, "reads the fact '" ~ entry.fact ~ "', which is none of trait_facts. Facts: " ~ facts | join(', ')) -}}
        {%- endif -%}
        {%- if (entry.get('sql') is none) == (entry.get('aggregate') is none) -%}
            {{- _customer_trait_error(entry, "needs either aggregate or sql") -}}
        {%- endif -%}
        {%- set aggregate = entry.get('aggregate') or 'sql' -%}
        {%- if aggregate not in aggregates or entry.get('aggregate') == 'sql' -%}
            {{- _customer_trait_error(entry, "has the aggregate '" ~ aggregate ~ "', which is none. Aggregates: " ~ aggregates | reject('equalto', 'sql') | join(', ')) -}}
        {%- endif -%}
        {%- if (entry.get('value') is none) != (aggregate in ['count', 'sql']) -%}
            {{- _customer_trait_error(entry, "needs value, an SQL expression over the fact's columns, with every aggregate but count, and with no sql") -}}
        {%- endif -%}
        {%- set type = aggregates[aggregate] or entry.get('type') -%}
        {%- if type not in ['text', 'number', 'time'] or (entry.get('type') and entry.type != type) -%}
            {{- _customer_trait_error(entry, "has the type '" ~ entry.get('type') ~ "'. " ~ ('A ' ~ aggregate ~ ' is a ' ~ aggregates[aggregate] ~ ': leave type out' if aggregates[aggregate] else 'Types: text, number, time')) -}}
        {%- endif -%}
        {%- for setting in ['window_days', 'limit'] if entry.get(setting) is not none and (entry[setting] is not integer or entry[setting] < 1) -%}
            {{- _customer_trait_error(entry, "has " ~ setting ~ " " ~ entry[setting] ~ ". Give a whole number from 1") -}}
        {%- endfor -%}
        {%- if entry.get('limit') and aggregate != 'list' -%}
            {{- _customer_trait_error(entry, "has a limit, which only a list has") -}}
        {%- endif -%}
        {%- for test in entry.get('tests') or {} if test not in ['not_null', 'min', 'max', 'values'] -%}
            {{- _customer_trait_error(entry, "has the test '" ~ test ~ "', which is none. Tests: not_null, min, max, values") -}}
        {%- endfor -%}
        {%- do entries.append({
            'trait': entry.trait,
            'description': entry.description,
            'fact': entry.fact,
            'at': facts[entry.fact].at,
            'key': facts[entry.fact].key,
            'aggregate': aggregate,
            'value': entry.get('sql') or entry.get('value'),
            'where': entry.get('where'),
            'window_days': entry.get('window_days'),
            'limit': entry.get('limit') or 20,
            'type': type,
            'promote': entry.get('promote', false),
            'pii': entry.get('pii', 'none'),
            'tests': entry.get('tests') or {},
        }) -%}
    {%- endfor -%}
    {{ return(entries) }}
{%- endmacro %}

{% macro _customer_trait_error(entry, complaint) -%}
    {{- exceptions.raise_compiler_error("customer_traits: the entry of '" ~ entry.get('trait', '?') ~ "' " ~ complaint ~ ". Correct it in dbt_project.yml under vars.") -}}
{%- endmacro %}

{# The rows of a fact that a trait counts: those that its condition and its window hold, up to as_of.

   Args: trait (entry of customer_trait_entries). Returns: a condition over the fact's columns. #}
{% macro trait_condition(trait) -%}
    ({{ trait.at }} <= {{ as_of() }}{{ ' or ' ~ trait.at ~ ' is null' if not trait.window_days }})
    {%- if trait.window_days %}
        and {{ trait.at }} > {{ days_ago(trait.window_days) }}
    {%- endif %}
    {%- if trait.where %}
        and ({{ trait.where }})
    {%- endif %}
{%- endmacro %}

{# A trait of each customer who has rows for it. Every choice among several values is told: the time, then the key of
   the row for first and last; how often, then the latest, then the smaller value for most_frequent and list.

   Args: trait (entry of customer_trait_entries), rows (name of the CTE with the fact's rows of the customers).
   Returns: a query: customer_id, trait_name, value_text, value_number, value_time, value_count, is_capped. #}
{% macro trait_query(trait, rows) -%}
    {%- set is_pick = trait.aggregate in ['first', 'last'] -%}
    {%- set is_ranking = trait.aggregate in ['most_frequent', 'list'] -%}
    {%- if is_pick %}
    select
        picked.customer_id,
        {{ trait_columns(trait, 'picked.trait_value', 'picked.value_count', 'false') }}
    from (
        select
            customer_id,
            {{ trait.value }} as trait_value,
            count(*) over (partition by customer_id) as value_count,
            row_number() over (
                partition by customer_id
                order by
                    case when {{ trait.at }} is null then 1 else 0 end,
                    {{ trait.at }}{{ ' desc' if trait.aggregate == 'last' }},
                    {{ trait.key }}
            ) as row_index
        from {{ rows }}
        where
            {{ trait_condition(trait) }}
            and ({{ trait.value }}) is not null
    ) as picked
    where picked.row_index = 1
    {%- elif is_ranking %}
    select
        ranked.customer_id,
        {{ trait_columns(
            trait,
            dbt.listagg('ranked.trait_value', "', '", 'order by ranked.value_index') if trait.aggregate == 'list' else 'max(ranked.trait_value)',
            'max(ranked.value_count)',
            'max(ranked.value_count) > ' ~ trait.limit if trait.aggregate == 'list' else 'false'
        ) }}
    from (
        select
            counted.customer_id,
            counted.trait_value,
            count(*) over (partition by counted.customer_id) as value_count,
            row_number() over (
                partition by counted.customer_id
                order by
                    counted.row_count desc,
                    case when counted.last_at is null then 1 else 0 end,
                    counted.last_at desc,
                    counted.trait_value
            ) as value_index
        from (
            select
                customer_id,
                {{ dbt.cast(trait.value, dbt.type_string()) if trait.aggregate == 'list' else trait.value }} as trait_value,
                count(*) as row_count,
                max({{ trait.at }}) as last_at
            from {{ rows }}
            where
                {{ trait_condition(trait) }}
                and ({{ trait.value }}) is not null
            group by 1, 2
        ) as counted
    ) as ranked
    where ranked.value_index <= {{ trait.limit if trait.aggregate == 'list' else 1 }}
    group by ranked.customer_id
    {%- else %}
    {%- set expressions = {
        'count': 'count(*)',
        'sum': 'sum(' ~ trait.value ~ ')',
        'average': 'avg(' ~ trait.value ~ ')',
        'distinct_count': 'count(distinct ' ~ trait.value ~ ')',
        'min': 'min(' ~ trait.value ~ ')',
        'max': 'max(' ~ trait.value ~ ')',
        'sql': trait.value,
    } %}
    select
        customer_id,
        {{ trait_columns(trait, expressions[trait.aggregate], 'count(*)', 'false') }}
    from {{ rows }}
    where {{ trait_condition(trait) }}
    group by customer_id
    {%- endif %}
{%- endmacro %}

{# The columns of a trait, in the one of its type what it is.

   Args: trait (entry of customer_trait_entries); value, value_count, is_capped (SQL expressions). #}
{% macro trait_columns(trait, value, value_count, is_capped) -%}
    '{{ trait.trait }}' as trait_name,
        {{ dbt.cast(value if trait.type == 'text' else 'null', dbt.type_string()) }} as value_text,
        {{ dbt.cast(value if trait.type == 'number' else 'null', 'decimal(28, 8)') }} as value_number,
        {{ dbt.cast(value if trait.type == 'time' else 'null', dbt.type_timestamp()) }} as value_time,
        {{ dbt.cast(value_count, dbt.type_bigint()) }} as value_count,
        {{ is_capped }} as is_capped
{%- endmacro %}

{# When time alone changes a trait: a row dated after as_of comes, or the first one of the window leaves.

   Args: trait (entry of customer_trait_entries), rows (name of the CTE with the fact's rows of the customers).
   Returns: a query: customer_id, recheck_at; the earlier of the two may be in either of a customer's rows. #}
{% macro trait_rechecks(trait, rows) -%}
    select
        customer_id,
        min({{ trait.at }}) as recheck_at
    from {{ rows }}
    where {{ trait.at }} > {{ as_of() }}
    group by customer_id
    {%- if trait.window_days %}

    union all

    select
        customer_id,
        {{ dbt.dateadd('day', trait.window_days, 'min(' ~ trait.at ~ ')') }} as recheck_at
    from {{ rows }}
    where {{ trait_condition(trait) }}
    group by customer_id
    {%- endif %}
{%- endmacro %}

{# The traits that are columns of dim_customers too; its contract names them. #}
{% macro promoted_trait_entries() -%}
    {%- set promoted = [] -%}
    {%- for trait in customer_trait_entries() if trait.promote -%}
        {%- do promoted.append(trait) -%}
    {%- endfor -%}
    {{ return(promoted) }}
{%- endmacro %}
