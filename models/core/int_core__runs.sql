{{ config(
    materialized='incremental',
    incremental_strategy='append',
    on_schema_change='append_new_columns'
) }}

with

runs as (

    select
        cast({{ current_run() }} as {{ dbt.type_bigint() }}) as run_id,
        {{ as_of() }} as as_of,
        {{ core_settings_fingerprint([
            var('customer_records'),
            var('profile_fields'),
            var('profile_sources'),
            var('customer_traits'),
            var('trait_facts'),
            var('consent_purposes'),
            var('households'),
            var('event_clock'),
            var('session_id_columns'),
            var('session_rules'),
            var('cart_abandoned_after_minutes'),
            var('cart_recovered_within_days'),
            var('ticket_reopened_after_hours'),
            var('sentiment_neutral_within'),
        ], ['exchange_rates', 'channel_groups', 'bot_user_agents', 'sentiment_words']) }} as settings_fingerprint

)

select * from runs
{% if is_incremental() %}
where run_id not in (select own_rows.run_id from {{ this }} as own_rows)
{% endif %}
