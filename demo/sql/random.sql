-- Random numbers that are a pure function of the seed, a whole-number key and the name of a
-- stream. No state: the same person gets the same life whatever the block size, the number of
-- threads or the order of rows. The mixing is our own (two rounds of multiply and fold, 64 bits),
-- because the engine's hash() may change between versions and is visibly correlated for small
-- numbers (-0.6 between two streams, DuckDB 2.0.0, November 2026).

create or replace temp macro folded(product) as
    xor(product >> 64, product & 18446744073709551615::hugeint);

create or replace temp macro mixed(key, stream) as
    folded(
        folded(
            (
                (
                    key::hugeint
                    + md5_number_lower(stream)::hugeint
                    + getvariable('seed')::hugeint * 2654435769::hugeint
                ) & 18446744073709551615::hugeint
            ) * 8171724409597217053::hugeint
        ) * 7919870398749817927::hugeint
    );

-- From 0 up to, not including, 1.
create or replace temp macro uniform(key, stream) as
    (mixed(key, stream) >> 11)::double / 9007199254740992.0;

create or replace temp macro chance(key, stream, share) as
    uniform(key, stream) < share;

-- A whole number from low to high, both included.
create or replace temp macro whole(key, stream, low, high) as
    low + floor(uniform(key, stream) * (high - low + 1))::bigint;

create or replace temp macro one_of(key, stream, choices) as
    choices[1 + floor(uniform(key, stream) * len(choices))::bigint];

-- Waiting time with mean 1.
create or replace temp macro exponential(key, stream) as
    -ln(1.0 - uniform(key, stream));

-- Gamma with a whole shape is a sum of waiting times.
create or replace temp macro gamma_2(key, stream) as
    exponential(key, stream || ' 1') + exponential(key, stream || ' 2');

create or replace temp macro gamma_3(key, stream) as
    gamma_2(key, stream) + exponential(key, stream || ' 3');

create or replace temp macro gamma_4(key, stream) as
    gamma_3(key, stream) + exponential(key, stream || ' 4');

-- Ids. An opaque id is one-to-one in its key below 2^40, so it never needs a check for duplicates.
create or replace temp macro opaque(key) as
    ((key::hugeint * 662607015001::hugeint) & 1099511627775::hugeint)::bigint;

create or replace temp macro ten_hex_digits(key) as
    lpad(lower(to_hex(opaque(key))), 10, '0');

create or replace temp macro digest(key, stream) as
    md5(stream || ':' || getvariable('seed') || ':' || key);

create or replace temp macro uuid_text(key, stream) as
    digest(key, stream)::uuid::varchar;

create or replace temp macro later(instant, seconds) as
    instant + to_seconds(floor(seconds)::bigint);

create or replace temp macro seconds_between(first_instant, last_instant) as
    (epoch_ms(last_instant) - epoch_ms(first_instant)) // 1000;

-- Nothing is known before it has happened.
create or replace temp macro not_after_today(instant) as
    least(instant, getvariable('as_of'));
