-- What each record of this block names, with the person behind it. Filled by the sources, emptied
-- per block. mess says which messy fact explains the value; is_live is false for deleted records.

create or replace temp table sighting (
    person_id bigint,
    source varchar,
    record_key bigint,
    is_live boolean,
    identifier_type varchar,
    identifier_value varchar,
    mess varchar
);
