create or replace temp table identity_map as
select * from read_parquet(getvariable('identity_map_file'));
