-- The raw tables, column by column as the loaders land them. They replace those of an earlier
-- world inside one transaction, so that a world that fails half-way leaves the earlier one.

create schema if not exists segment;
create schema if not exists shopify;
create schema if not exists hubspot;
create schema if not exists salesforce;
create schema if not exists zendesk;
create schema if not exists klaviyo;
create schema if not exists stripe;
create schema if not exists google_ads;
create schema if not exists meta_ads;
create schema if not exists till;
create schema if not exists consent_log;
create schema if not exists loyalty;

create or replace table segment.pages (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    name varchar,
    path varchar,
    url varchar,
    referrer varchar,
    title varchar,
    search varchar
);

create or replace table segment.screens (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    name varchar
);

create or replace table segment.identifies (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    email varchar,
    phone varchar,
    first_name varchar,
    last_name varchar,
    loyalty_id varchar
);

create or replace table segment.tracks (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    event varchar,
    event_text varchar
);

create or replace table segment.product_viewed (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    event varchar,
    event_text varchar,
    product_id varchar,
    sku varchar,
    name varchar,
    category varchar,
    price double,
    currency varchar
);

create or replace table segment.product_added (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    event varchar,
    event_text varchar,
    cart_id varchar,
    product_id varchar,
    sku varchar,
    name varchar,
    category varchar,
    price double,
    quantity bigint,
    currency varchar
);

create or replace table segment.checkout_started (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    event varchar,
    event_text varchar,
    order_id varchar,
    cart_id varchar,
    value double,
    currency varchar,
    coupon varchar,
    products varchar
);

create or replace table segment.order_completed (
    id varchar,
    anonymous_id varchar,
    user_id varchar,
    received_at timestamp,
    sent_at timestamp,
    original_timestamp timestamp,
    timestamp timestamp,
    uuid_ts timestamp,
    context_ip varchar,
    context_user_agent varchar,
    context_locale varchar,
    context_library_name varchar,
    context_library_version varchar,
    context_page_url varchar,
    context_page_path varchar,
    context_page_referrer varchar,
    context_page_title varchar,
    context_campaign_source varchar,
    context_campaign_medium varchar,
    context_campaign_name varchar,
    context_campaign_content varchar,
    context_campaign_term varchar,
    context_device_id varchar,
    context_device_type varchar,
    context_os_name varchar,
    context_app_version varchar,
    event varchar,
    event_text varchar,
    order_id varchar,
    checkout_id varchar,
    total double,
    revenue double,
    shipping double,
    tax double,
    discount double,
    coupon varchar,
    currency varchar,
    email varchar,
    products varchar
);

create or replace table shopify.customer (
    id bigint,
    first_name varchar,
    last_name varchar,
    email varchar,
    phone varchar,
    state varchar,
    orders_count bigint,
    total_spent double,
    created_at timestamp,
    updated_at timestamp,
    accepts_marketing boolean,
    verified_email boolean,
    tax_exempt boolean,
    default_address_id bigint,
    _fivetran_synced timestamp
);

create or replace table shopify."order" (
    id bigint,
    name varchar,
    email varchar,
    currency varchar,
    subtotal_price double,
    total_tax double,
    total_price double,
    total_discounts double,
    total_line_items_price double,
    taxes_included boolean,
    created_at timestamp,
    updated_at timestamp,
    processed_at timestamp,
    cancelled_at timestamp,
    closed_at timestamp,
    cancel_reason varchar,
    customer_id bigint,
    financial_status varchar,
    fulfillment_status varchar,
    source_name varchar,
    referring_site varchar,
    landing_site_base_url varchar,
    browser_ip varchar,
    token varchar,
    cart_token varchar,
    checkout_token varchar,
    buyer_accepts_marketing boolean,
    test boolean,
    order_number bigint,
    billing_address_name varchar,
    billing_address_phone varchar,
    billing_address_country_code varchar,
    shipping_address_name varchar,
    shipping_address_first_name varchar,
    shipping_address_last_name varchar,
    shipping_address_phone varchar,
    shipping_address_address_1 varchar,
    shipping_address_city varchar,
    shipping_address_zip varchar,
    shipping_address_country_code varchar,
    _fivetran_synced timestamp
);

create or replace table shopify.order_line (
    id bigint,
    order_id bigint,
    product_id bigint,
    variant_id bigint,
    name varchar,
    title varchar,
    vendor varchar,
    sku varchar,
    price double,
    quantity bigint,
    total_discount double,
    gift_card boolean,
    index bigint,
    _fivetran_synced timestamp
);

create or replace table shopify.refund (
    id bigint,
    order_id bigint,
    created_at timestamp,
    processed_at timestamp,
    note varchar,
    restock boolean,
    user_id bigint,
    _fivetran_synced timestamp
);

create or replace table shopify.order_line_refund (
    id bigint,
    refund_id bigint,
    order_line_id bigint,
    quantity bigint,
    subtotal double,
    total_tax double,
    restock_type varchar,
    _fivetran_synced timestamp
);

create or replace table shopify.abandoned_checkout (
    id bigint,
    token varchar,
    cart_token varchar,
    customer_id bigint,
    email varchar,
    phone varchar,
    created_at timestamp,
    updated_at timestamp,
    completed_at timestamp,
    closed_at timestamp,
    currency varchar,
    subtotal_price double,
    total_price double,
    customer_locale varchar,
    landing_site_base_url varchar,
    referring_site varchar,
    abandoned_checkout_url varchar,
    shipping_address_phone varchar,
    shipping_address_country_code varchar,
    buyer_accepts_marketing boolean,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table shopify.product (
    id bigint,
    title varchar,
    handle varchar,
    product_type varchar,
    vendor varchar,
    created_at timestamp,
    updated_at timestamp,
    published_at timestamp,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table hubspot.contact (
    id bigint,
    property_email varchar,
    property_email_1 varchar,
    property_firstname varchar,
    property_lastname varchar,
    property_company varchar,
    property_jobtitle varchar,
    property_phone varchar,
    property_country varchar,
    property_createdate timestamp,
    property_created_at timestamp,
    property_hs_merged_object_ids varchar,
    property_annualrevenue bigint,
    property_first_conversion_date timestamp,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table hubspot.company (
    id bigint,
    is_deleted boolean,
    property_name varchar,
    property_description varchar,
    property_industry varchar,
    property_address varchar,
    property_address_2 varchar,
    property_city varchar,
    property_state varchar,
    property_country varchar,
    property_domain varchar,
    property_annualrevenue bigint,
    property_createdate timestamp,
    _fivetran_synced timestamp
);

create or replace table hubspot.contact_company (
    contact_id bigint,
    company_id bigint,
    type_id bigint,
    _fivetran_synced timestamp
);

create or replace table salesforce.lead (
    id varchar,
    first_name varchar,
    last_name varchar,
    name varchar,
    email varchar,
    phone varchar,
    mobile_phone varchar,
    company varchar,
    title varchar,
    status varchar,
    lead_source varchar,
    country varchar,
    country_code varchar,
    website varchar,
    industry varchar,
    is_converted boolean,
    converted_date timestamp,
    converted_contact_id varchar,
    converted_account_id varchar,
    converted_opportunity_id varchar,
    has_opted_out_of_email boolean,
    is_deleted boolean,
    created_date timestamp,
    last_modified_date timestamp,
    _fivetran_active boolean,
    _fivetran_synced timestamp
);

create or replace table salesforce.contact (
    id varchar,
    account_id varchar,
    first_name varchar,
    last_name varchar,
    name varchar,
    email varchar,
    phone varchar,
    mobile_phone varchar,
    title varchar,
    department varchar,
    lead_source varchar,
    mailing_street varchar,
    mailing_city varchar,
    mailing_postal_code varchar,
    mailing_country varchar,
    mailing_country_code varchar,
    has_opted_out_of_email boolean,
    do_not_call boolean,
    is_email_bounced boolean,
    is_deleted boolean,
    master_record_id varchar,
    created_date timestamp,
    last_modified_date timestamp,
    _fivetran_active boolean,
    _fivetran_synced timestamp
);

create or replace table salesforce.account (
    id varchar,
    name varchar,
    website varchar,
    industry varchar,
    type varchar,
    phone varchar,
    billing_street varchar,
    billing_city varchar,
    billing_postal_code varchar,
    billing_country varchar,
    billing_country_code varchar,
    parent_id varchar,
    master_record_id varchar,
    number_of_employees bigint,
    annual_revenue double,
    is_deleted boolean,
    _fivetran_active boolean,
    _fivetran_synced timestamp
);

create or replace table salesforce.opportunity (
    id varchar,
    account_id varchar,
    name varchar,
    stage_name varchar,
    type varchar,
    lead_source varchar,
    amount double,
    probability double,
    close_date timestamp,
    created_date timestamp,
    is_closed boolean,
    is_won boolean,
    is_deleted boolean,
    _fivetran_active boolean,
    _fivetran_synced timestamp
);

create or replace table zendesk.user (
    id bigint,
    name varchar,
    email varchar,
    phone varchar,
    external_id varchar,
    role varchar,
    locale varchar,
    time_zone varchar,
    organization_id bigint,
    active boolean,
    suspended boolean,
    verified boolean,
    created_at timestamp,
    updated_at timestamp,
    last_login_at timestamp,
    _fivetran_synced timestamp
);

create or replace table zendesk.ticket (
    id bigint,
    requester_id bigint,
    submitter_id bigint,
    assignee_id bigint,
    organization_id bigint,
    subject varchar,
    description varchar,
    status varchar,
    priority varchar,
    type varchar,
    recipient varchar,
    via_channel varchar,
    created_at timestamp,
    updated_at timestamp,
    _fivetran_synced timestamp
);

create or replace table zendesk.ticket_comment (
    id bigint,
    ticket_id bigint,
    user_id bigint,
    body varchar,
    public boolean,
    created timestamp,
    _fivetran_synced timestamp
);

create or replace table klaviyo.person (
    id varchar,
    email varchar,
    phone_number varchar,
    first_name varchar,
    last_name varchar,
    city varchar,
    region varchar,
    country varchar,
    zip varchar,
    timezone varchar,
    custom_consent varchar,
    created timestamp,
    updated timestamp,
    last_event_date timestamp,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table klaviyo.event (
    id varchar,
    person_id varchar,
    campaign_id varchar,
    flow_id varchar,
    metric_id varchar,
    uuid varchar,
    type varchar,
    datetime timestamp,
    timestamp timestamp,
    property_subject varchar,
    property_url varchar,
    property_campaign_name varchar,
    property_email_domain varchar,
    property_bounce_type varchar,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table klaviyo.campaign (
    id varchar,
    name varchar,
    subject varchar,
    from_email varchar,
    status varchar,
    status_label varchar,
    campaign_type varchar,
    created timestamp,
    updated timestamp,
    send_time timestamp,
    sent_at timestamp,
    archived boolean,
    _fivetran_deleted boolean,
    _fivetran_synced timestamp
);

create or replace table stripe.customer (
    id varchar,
    email varchar,
    name varchar,
    phone varchar,
    currency varchar,
    description varchar,
    metadata varchar,
    delinquent boolean,
    is_deleted boolean,
    livemode boolean,
    balance bigint,
    address_country varchar,
    created timestamp,
    _fivetran_synced timestamp
);

create or replace table stripe.subscription (
    id varchar,
    customer_id varchar,
    status varchar,
    quantity bigint,
    cancel_at_period_end boolean,
    created timestamp,
    start_date timestamp,
    current_period_start timestamp,
    current_period_end timestamp,
    canceled_at timestamp,
    cancel_at timestamp,
    ended_at timestamp,
    trial_start timestamp,
    trial_end timestamp,
    livemode boolean,
    metadata varchar,
    _fivetran_synced timestamp
);

create or replace table stripe.subscription_item (
    id varchar,
    subscription_id varchar,
    plan_id varchar,
    quantity bigint,
    created timestamp,
    _fivetran_synced timestamp
);

create or replace table stripe.price (
    id varchar,
    nickname varchar,
    currency varchar,
    unit_amount bigint,
    recurring_interval varchar,
    recurring_interval_count bigint,
    is_deleted boolean,
    livemode boolean,
    created timestamp,
    _fivetran_synced timestamp
);

create or replace table stripe.charge (
    id varchar,
    customer_id varchar,
    currency varchar,
    status varchar,
    failure_code varchar,
    receipt_email varchar,
    invoice_id varchar,
    payment_intent_id varchar,
    description varchar,
    amount bigint,
    amount_refunded bigint,
    captured boolean,
    paid boolean,
    refunded boolean,
    livemode boolean,
    metadata varchar,
    created timestamp,
    _fivetran_synced timestamp
);

create or replace table google_ads.campaign_history (
    id bigint,
    customer_id bigint,
    name varchar,
    status varchar,
    advertising_channel_type varchar,
    start_date date,
    end_date date,
    updated_at timestamp,
    _fivetran_active boolean,
    _fivetran_synced timestamp
);

create or replace table google_ads.campaign_stats (
    _fivetran_id varchar,
    id bigint,
    customer_id bigint,
    date date,
    device varchar,
    ad_network_type varchar,
    clicks bigint,
    impressions bigint,
    cost_micros bigint,
    conversions double,
    conversions_value double,
    _fivetran_synced timestamp
);

create or replace table google_ads.click_view (
    gclid varchar,
    campaign_id bigint,
    ad_group_id bigint,
    customer_id bigint,
    date date,
    device varchar,
    click_type varchar,
    _fivetran_synced timestamp
);

create or replace table meta_ads.campaign_history (
    id bigint,
    account_id bigint,
    name varchar,
    status varchar,
    objective varchar,
    start_time timestamp,
    updated_time timestamp,
    created_time timestamp,
    _fivetran_synced timestamp
);

create or replace table meta_ads.basic_campaign (
    _fivetran_id varchar,
    campaign_id bigint,
    campaign_name varchar,
    account_id bigint,
    date date,
    impressions bigint,
    reach bigint,
    inline_link_clicks bigint,
    spend double,
    cpc double,
    cpm double,
    ctr double,
    _fivetran_synced timestamp
);

create or replace table till.sale (
    sale_id varchar,
    store_id varchar,
    register_id varchar,
    receipt_number varchar,
    sold_at_local varchar,
    store_timezone varchar,
    sold_at timestamp,
    email varchar,
    loyalty_card varchar,
    amount double,
    tax double,
    currency varchar,
    item_count bigint,
    is_return boolean,
    original_sale_id varchar,
    exported_at timestamp
);

create or replace table till.sale_line (
    sale_id varchar,
    line_number bigint,
    sku varchar,
    name varchar,
    quantity bigint,
    unit_price double,
    discount double,
    exported_at timestamp
);

create or replace table consent_log.consent (
    consent_id varchar,
    email varchar,
    user_id varchar,
    phone varchar,
    purpose varchar,
    action varchar,
    recorded_at timestamp,
    source varchar,
    legal_basis varchar,
    policy_version varchar,
    loaded_at timestamp
);

create or replace table loyalty.member (
    member_id varchar,
    email varchar,
    phone varchar,
    first_name varchar,
    last_name varchar,
    birth_date date,
    gender varchar,
    street varchar,
    postal_code varchar,
    city varchar,
    country_code varchar,
    home_store_id varchar,
    tier varchar,
    points bigint,
    joined_at timestamp,
    updated_at timestamp,
    cancelled_at timestamp,
    loaded_at timestamp
);
