-- Facts that follow from a person's number alone, so that any block of people can be built without
-- the others: who lives together, where, and which phone number is whose.

-- Every twelve people fall into households after one of six patterns: the entry is the number of
-- the household's first member.
create or replace temp macro household_of(person) as
    ((person - 1) // 12) * 12
    + one_of(
        (person - 1) // 12,
        'household pattern',
        [
            [1, 1, 3, 3, 3, 3, 7, 8, 9, 9, 11, 12],
            [1, 2, 2, 4, 4, 4, 7, 7, 7, 7, 7, 12],
            [1, 2, 3, 4, 5, 5, 7, 7, 9, 9, 9, 9],
            [1, 1, 1, 4, 4, 6, 7, 8, 9, 9, 9, 12],
            [1, 1, 3, 4, 4, 4, 4, 4, 9, 10, 11, 11],
            [1, 2, 3, 3, 5, 6, 6, 6, 9, 9, 9, 9]
        ]
    )[1 + (person - 1) % 12];

create or replace temp macro country_of(household) as
    case
        when uniform(household, 'country') < 0.5 then 'NL'
        when uniform(household, 'country') < 0.8 then 'NO'
        else 'PL'
    end;

-- A number per person and index (0 or 1), never the same for two people below five million.
create or replace temp macro mobile_number(person, number_index, country_code) as
    case country_code
        when 'NL'
            then
                '+316'
                || lpad(
                    (((person * 2 + number_index) * 48271 + 20260630) % 100000000)::varchar, 8, '0'
                )
        when 'NO'
            then
                '+47'
                || one_of(person * 2 + number_index, 'norwegian prefix', ['4', '9'])
                || lpad(
                    (((person * 2 + number_index) * 48271 + 3141593) % 10000000)::varchar, 7, '0'
                )
        else
            '+48'
            || one_of(person * 2 + number_index, 'polish prefix', ['5', '6', '7', '8'])
            || lpad((((person * 2 + number_index) * 48271 + 20260630) % 100000000)::varchar, 8, '0')
    end;
