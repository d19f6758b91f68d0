copy (
    select
        identity_map.identifier_type,
        identity_map.identifier_value,
        identity_map.customer_id
    from identity.identity_map
) to (getvariable('identity_map_file')) (format parquet);
