-- Run on the truth database: lays the map beside the truth, and enters the truth's schema.

create or replace temp table identity_map as
select * from read_parquet(getvariable('identity_map_file'));

set schema = current_database() || '.truth';
