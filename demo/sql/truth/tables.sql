-- Run on the truth database: its tables, from the files that the world handed over.

create schema if not exists truth;
create or replace table truth.person as select * from read_parquet(getvariable('handover') || '/person.parquet');
create or replace table truth.household as select * from read_parquet(getvariable('handover') || '/household.parquet');
create or replace table truth.company as select * from read_parquet(getvariable('handover') || '/company.parquet');
create or replace table truth."order" as select * from read_parquet(getvariable('handover') || '/order.parquet');
create or replace table truth.identifier as select * from read_parquet(getvariable('handover') || '/identifier.parquet');
create or replace table truth.world as
select
    getvariable('seed')::bigint as seed,
    getvariable('people')::bigint as people,
    getvariable('as_of')::timestamp as as_of,
    getvariable('version')::varchar as version,
    getvariable('mess')::varchar as mess;
