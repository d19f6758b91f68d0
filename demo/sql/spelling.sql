-- How a value gets written down. Each typed_* macro returns what the source holds (raw), what
-- staging will make of it (normal; null when it is not valid) and which messy fact it shows (mess).
--
-- fate is one uniform draw made by the caller, as a plain column: its size decides which mishap
-- befalls the value, its far digits decide how. Macros are substituted as text, so a draw made in
-- here would be repeated some fifty times in the query and cost a second of planning.

create or replace temp macro entry(raw, normal, mess) as
    {'raw': raw::varchar, 'normal': normal::varchar, 'mess': mess::varchar};

create or replace temp macro as_read(value) as
    entry(null, value.normal, value.mess);

create or replace temp macro aspect(fate, place, sides) as
    floor(fate * place)::bigint % sides;

create or replace temp macro in_ascii(name) as
    regexp_replace(
        replace(replace(replace(strip_accents(lower(name)), 'ł', 'l'), 'ø', 'o'), 'æ', 'ae'),
        '[^a-z]',
        '',
        'g'
    );

-- The address that a provider delivers to, whatever dots and tags were typed.
create or replace temp macro canonical_email(email) as
    case
        when split_part(email, '@', 2) = 'gmail.com'
            then replace(split_part(split_part(email, '@', 1), '+', 1), '.', '') || '@gmail.com'
        when split_part(email, '@', 2) in ('outlook.com', 'hotmail.com', 'icloud.com', 'proton.me')
            then split_part(split_part(email, '@', 1), '+', 1) || '@' || split_part(email, '@', 2)
        else email
    end;

create or replace temp macro without_dots(email) as
    replace(split_part(email, '@', 1), '.', '') || '@' || split_part(email, '@', 2);

-- Gmail ignores dots and everything after a plus sign; a few providers ignore the plus part only.
create or replace temp macro email_variant(email, fate) as
    case
        when split_part(email, '@', 2) = 'gmail.com'
            then
                case aspect(fate, 1e9, 4)
                    when 0 then left(email, 1) || '.' || substr(without_dots(email), 2)
                    when 1 then replace(without_dots(email), '@', '+nordvik@')
                    when 2 then replace(email, '@', '+shop@')
                    else left(email, 2) || '.' || substr(without_dots(email), 3)
                end
        when split_part(email, '@', 2) in ('outlook.com', 'hotmail.com', 'icloud.com', 'proton.me')
            then replace(email, '@', '+nordvik@')
        else email
    end;

create or replace temp macro placeholder_email(fate) as
    getvariable('placeholder_emails')[
        1 + aspect(fate, 1e9, len(getvariable('placeholder_emails')))
    ];

create or replace temp macro invalid_email(email, fate) as
    case aspect(fate, 1e9, 5)
        when 0 then replace(email, '@', ' at ')
        when 1 then split_part(email, '@', 1)
        when 2 then split_part(email, '@', 1) || '@'
        when 3 then 'n/a'
        else replace(email, '@', '@@')
    end;

create or replace temp macro untidy_email(email, full_name, fate) as
    case aspect(fate, 1e9, 5)
        when 0 then upper(email)
        when 1 then '  ' || email || ' '
        when 2 then upper(left(email, 1)) || substr(email, 2)
        when 3 then full_name || ' <' || email || '>'
        else ' ' || split_part(email, '@', 1) || '@' || upper(split_part(email, '@', 2))
    end;

create or replace temp macro typed_email(email, full_name, fate) as
    case
        when email is null then entry(null, null, null)
        when fate < getvariable('mess_placeholders')
            then entry(placeholder_email(fate), placeholder_email(fate), 'placeholders')
        when fate between 0.1 and 0.1 + getvariable('mess_invalid_values')
            then entry(invalid_email(email, fate), null, 'invalid_values')
        when
            fate between 0.2 and 0.2 + getvariable('mess_email_variants')
            and email_variant(email, fate) <> email
            then entry(email_variant(email, fate), email_variant(email, fate), 'email_variants')
        when fate between 0.4 and 0.4 + getvariable('mess_text_noise')
            then entry(untidy_email(email, full_name, fate), email, null)
        else entry(email, email, null)
    end;

-- At the till a customer spells and a cashier types: a letter goes missing, is doubled, changes
-- places, or the provider is misspelt. The result looks like an address and is usually nobody's.
create or replace temp macro mistyped_email(email, fate) as
    case aspect(fate, 1e9, 4)
        when 0 then left(email, 2) || substr(email, 4)
        when 1 then left(email, 3) || substr(email, 3)
        when 2 then left(email, 2) || substr(email, 4, 1) || substr(email, 3, 1) || substr(email, 5)
        else
            split_part(email, '@', 1)
            || '@'
            || left(split_part(email, '@', 2), 1)
            || substr(split_part(email, '@', 2), 3)
    end;

create or replace temp macro email_typed_at_the_till(email, full_name, fate) as
    case
        when
            email is not null
            and fate between 0.6 and 0.6 + getvariable('mess_till_typos')
            and mistyped_email(email, fate) <> email
            then entry(mistyped_email(email, fate), mistyped_email(email, fate), 'till_typos')
        else typed_email(email, full_name, fate)
    end;

-- Luhn: the tenth digit makes the weighted sum of a card number a multiple of ten.
create or replace temp macro check_digit(nine_digits) as
    (
        10 - list_sum(
            list_transform(
                range(1, 10),
                lambda place: case
                    when place % 2 = 0 then substr(nine_digits, place, 1)::bigint
                    else
                        (2 * substr(nine_digits, place, 1)::bigint) // 10
                        + (2 * substr(nine_digits, place, 1)::bigint) % 10
                end
            )
        )::bigint % 10
    ) % 10;

-- Two neighbouring digits change places. The check digit notices, save for 0 and 9 or equal
-- digits; then one digit is misread instead.
create or replace temp macro mistyped_card(card, place) as
    case
        when
            substr(card, place, 1) = substr(card, place + 1, 1)
            or substr(card, place, 2) in ('09', '90')
            then left(card, 3) || ((substr(card, 4, 1)::bigint + 1) % 10) || substr(card, 5)
        else
            left(card, place - 1)
            || substr(card, place + 1, 1)
            || substr(card, place, 1)
            || substr(card, place + 2)
    end;

create or replace temp macro card_typed_at_the_till(card, fate) as
    case
        when card is null then entry(null, null, null)
        when fate < getvariable('mess_till_typos')
            then entry(mistyped_card(card, 4 + aspect(fate, 1e9, 7)), null, 'till_typos')
        when fate between 0.4 and 0.4 + getvariable('mess_text_noise')
            then entry(lower(left(card, 2)) || ' ' || substr(card, 3), card, null)
        else entry(card, card, null)
    end;

-- The digits from a place on: a first group, a second, and the rest.
create or replace temp macro in_groups(phone, place, first_length, second_length) as
    substr(phone, place, first_length)
    || ' '
    || substr(phone, place + first_length, second_length)
    || ' '
    || substr(phone, place + first_length + second_length);

-- With the country code, in the ways people write it.
create or replace temp macro internationally_formatted(phone, fate) as
    case aspect(fate, 1e9, 4)
        when 0 then '00' || substr(phone, 2)
        when 1 then left(phone, 3) || ' ' || in_groups(phone, 4, 3, 2)
        when 2 then '00' || substr(phone, 2, 2) || ' ' || substr(phone, 4)
        else left(phone, 3) || '-' || substr(phone, 4, 3) || '-' || substr(phone, 7)
    end;

-- The way people write it at home.
create or replace temp macro nationally_formatted(phone, fate) as
    case
        when left(phone, 3) = '+31'
            then
                case aspect(fate, 1e9, 5)
                    when 0 then '+31 6 ' || substr(phone, 5)
                    when 1 then '+31 (0)6 ' || in_groups(phone, 5, 2, 2)
                    when 2 then '06-' || substr(phone, 5)
                    when 3 then '0' || substr(phone, 4)
                    else '06 ' || substr(phone, 5, 4) || ' ' || substr(phone, 9)
                end
        else
            case aspect(fate, 1e9, 3)
                when 0 then substr(phone, 4)
                when 1 then in_groups(phone, 4, 3, 2)
                else in_groups(phone, 4, 2, 2)
            end
    end;

-- shows_country says whether the record names the country; where it does not, a number without a
-- country code is read as Dutch, and only Dutch people leave it out.
create or replace temp macro typed_phone(phone, fate, shows_country) as
    case
        when phone is null then entry(null, null, null)
        when fate < getvariable('mess_placeholders')
            then
                if(
                    aspect(fate, 1e9, 2) = 0,
                    entry('0000000000', null, 'placeholders'),
                    entry('+31600000000', '+31600000000', 'placeholders')
                )
        when fate between 0.1 and 0.1 + getvariable('mess_invalid_values')
            then
                entry(
                    ['06-', 'n/a', '12', left(phone, 6)][1 + aspect(fate, 1e9, 4)],
                    null,
                    'invalid_values'
                )
        when fate between 0.2 and 0.2 + getvariable('mess_phone_formats') * 0.8
            then
                entry(
                    if(
                        (shows_country or left(phone, 3) = '+31') and aspect(fate, 1e12, 3) > 0,
                        nationally_formatted(phone, fate),
                        internationally_formatted(phone, fate)
                    ),
                    phone,
                    null
                )
        else entry(phone, phone, null)
    end;

create or replace temp macro typed_name(name, fate) as
    case
        when fate >= getvariable('mess_text_noise') then name
        else
            case aspect(fate, 1e9, 5)
                when 0 then upper(name)
                when 1 then lower(name)
                when 2 then strip_accents(name)
                when 3 then ' ' || name || '  '
                else replace(replace(replace(strip_accents(name), 'ł', 'l'), 'ø', 'o'), 'Ø', 'O')
            end
    end;
