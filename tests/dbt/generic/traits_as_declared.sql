{# Every trait keeps to the tests of its entry in vars.customer_traits: not_null, min, max, values. Gives the trait and
   the test that does not hold, one row per customer. #}
{% test traits_as_declared(model) %}

    select
        customer_id,
        trait_name,
        'not_declared' as failed_test
    from {{ model }}
    where
        trait_name not in ('{{ customer_trait_entries() | map(attribute='trait') | join("', '") }}')
    {%- for trait in customer_trait_entries() %}
    {%- set value = 'value_' ~ trait.type %}
    {%- for test, bound in trait.tests.items() %}

    union all

    select
        customer_id,
        trait_name,
        '{{ test }}' as failed_test
    from {{ model }}
    where
        trait_name = '{{ trait.trait }}'
        {%- if test == 'not_null' %}
        and {{ value }} is null
        {%- elif test == 'min' %}
        and {{ value }} < {{ bound }}
        {%- elif test == 'max' %}
        and {{ value }} > {{ bound }}
        {%- else %}
        and {{ value }} not in ('{{ bound | join("', '") }}')
        {%- endif %}
    {%- endfor %}
    {%- endfor %}

{% endtest %}
