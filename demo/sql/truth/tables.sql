-- Run on the truth database: its tables, from the files that the world handed over.
--
-- A file truth.duckdb is a catalog of the same name as its schema, and then the engine finds
-- truth.person ambiguous. So the schema is entered, and left again.

set schema = current_database() || '.truth';

create or replace table person as
select * from read_parquet(getvariable('handover') || '/person.parquet');

create or replace table household as
select * from read_parquet(getvariable('handover') || '/household.parquet');

create or replace table company as
select * from read_parquet(getvariable('handover') || '/company.parquet');

create or replace table "order" as
select * from read_parquet(getvariable('handover') || '/order.parquet');

create or replace table identifier as
select * from read_parquet(getvariable('handover') || '/identifier.parquet');

create or replace table world as
select
    getvariable('seed')::bigint as seed,
    getvariable('people')::bigint as people,
    getvariable('as_of')::timestamp as as_of,
    getvariable('version')::varchar as version,
    getvariable('mess')::varchar as mess;

reset schema;
