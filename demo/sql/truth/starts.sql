-- The truth that gathers over all blocks, and how a record's identifiers are noted down.

create or replace temp macro named(identifier_type, value) as
    {'identifier_type': identifier_type, 'identifier_value': value.normal, 'mess': value.mess};

create or replace temp macro owned(identifier_type, value, mess) as
    {'identifier_type': identifier_type, 'identifier_value': value::varchar, 'mess': mess::varchar};

create or replace temp macro seen(identifiers) as
    list_filter(identifiers, lambda identifier: identifier.identifier_value is not null);

create or replace temp table ownership (
    identifier_type varchar,
    identifier_value varchar,
    person_id bigint,
    is_linked boolean,
    mess varchar
);

create or replace temp table true_person (
    person_id bigint,
    household_id bigint,
    company_id bigint,
    first_name varchar,
    last_name varchar,
    country_code varchar
);

create or replace temp table true_household (
    household_id bigint,
    country_code varchar,
    city varchar,
    postal_code varchar,
    street varchar,
    person_count bigint
);

create or replace temp table true_order (
    order_id varchar,
    person_id bigint
);

-- Clicks that led to a visit, by campaign, day and device.
create or replace temp table ad_click (
    campaign_id bigint,
    clicked_on date,
    ad_device varchar,
    click_count bigint,
    order_count bigint,
    order_minor bigint
);
