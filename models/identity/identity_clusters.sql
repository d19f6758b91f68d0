with

identity_map as (

    select * from {{ ref('identity_map') }}

),

clusters as (

    select
        -- customer
        identity_map.customer_id,

        -- size
        cast(count(*) as {{ dbt.type_bigint() }}) as identifier_count,
        cast(
            sum(
                case when identity_map.identifier_type = 'user_id' then 1 else 0 end
            ) as {{ dbt.type_bigint() }}
        )
            as user_id_count,
        cast(
            sum(
                case when identity_map.identifier_type = 'loyalty_id' then 1 else 0 end
            ) as {{ dbt.type_bigint() }}
        ) as loyalty_id_count,
        cast(
            sum(
                case when identity_map.identifier_type = 'email' then 1 else 0 end
            ) as {{ dbt.type_bigint() }}
        )
            as email_count,
        cast(
            sum(
                case when identity_map.identifier_type = 'phone' then 1 else 0 end
            ) as {{ dbt.type_bigint() }}
        )
            as phone_count,
        cast(
            sum(
                case
                    when identity_map.identifier_type in ('device_id', 'anonymous_id') then 1 else 0
                end
            ) as {{ dbt.type_bigint() }}
        ) as device_count,
        cast(sum(case when identity_map.is_shared then 1 else 0 end) as {{ dbt.type_bigint() }})
            as shared_identifier_count,

        -- flags
        cast(
            count(*) > {{ var('supercluster_identifiers') }}
            or sum(
                case
                    when
                        identity_map.identifier_type = 'user_id' and not identity_map.is_shared
                        then 1
                    else 0
                end
            )
            > 1
            as {{ dbt.type_boolean() }}
        ) as is_supercluster,

        -- times
        cast(min(identity_map.first_seen_at) as {{ dbt.type_timestamp() }}) as first_seen_at,
        cast(max(identity_map.last_seen_at) as {{ dbt.type_timestamp() }}) as last_seen_at

    from identity_map
    group by identity_map.customer_id

)

select * from clusters
