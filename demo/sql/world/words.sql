-- Names, places and streets per country: our own short lists, with the letters people really have.
-- Family names differ between the lists even in ASCII, so that an e-mail address built from a
-- name and its number is one person's only.

create or replace temp table given_name as
select
    listed.country_code,
    listed.gender,
    unnest(listed.given_names) as given_name,
    unnest(range(len(listed.given_names))) as name_index
from (
    values
    ('NL', 'female', [
        'Sanne', 'Lotte', 'Anouk', 'Fleur', 'Iris', 'Noor', 'Eva', 'Julia', 'Sophie', 'Femke',
        'Maaike', 'Marieke', 'Annelies', 'Zoë', 'Chloë', 'Daniëlle', 'Renée', 'Ilse', 'Roos',
        'Wilma', 'Corrie', 'Saskia', 'Esther', 'Marjolein', 'Hanneke', 'Jolanda', 'Yara', 'Naomi',
        'Tess', 'Liselot', 'Floor', 'Emma'
    ]),
    ('NL', 'male', [
        'Daan', 'Sem', 'Bram', 'Thijs', 'Jesse', 'Ruben', 'Niels', 'Jeroen', 'Sander', 'Pieter',
        'Willem', 'Joost', 'Maarten', 'Hendrik', 'Kees', 'Gijs', 'Tijn', 'Lennart', 'Luuk', 'Mees',
        'Finn', 'Jasper', 'Wouter', 'Bas', 'Rik', 'Koen', 'Michiel', 'René', 'Loïc', 'Youssef',
        'Mohammed', 'Joël'
    ]),
    ('NO', 'female', [
        'Ingrid', 'Astrid', 'Solveig', 'Åse', 'Silje', 'Kjersti', 'Ragnhild', 'Marit', 'Nora',
        'Oda', 'Sofie', 'Ida', 'Thea', 'Maja', 'Tuva', 'Frøya', 'Sunniva', 'Bjørg', 'Gunnhild',
        'Hanne', 'Kari', 'Liv', 'Randi', 'Synnøve', 'Tone', 'Turid', 'Vilde', 'Åshild', 'Eline',
        'Guro', 'Jorunn', 'Hedda'
    ]),
    ('NO', 'male', [
        'Øyvind', 'Håkon', 'Bjørn', 'Lars', 'Ole', 'Magnus', 'Sindre', 'Eirik', 'Torbjørn', 'Kåre',
        'Pål', 'Jørgen', 'Åge', 'Asbjørn', 'Sigurd', 'Trond', 'Gunnar', 'Knut', 'Leif', 'Odd',
        'Rolf', 'Stian', 'Vegard', 'Espen', 'Frode', 'Geir', 'Henrik', 'Jonas', 'Mathias', 'Emil',
        'Jakob', 'Aksel'
    ]),
    ('PL', 'female', [
        'Anna', 'Katarzyna', 'Małgorzata', 'Agnieszka', 'Barbara', 'Ewa', 'Krystyna', 'Magdalena',
        'Elżbieta', 'Joanna', 'Aleksandra', 'Zofia', 'Monika', 'Teresa', 'Natalia', 'Karolina',
        'Zuzanna', 'Hanna', 'Wiktoria', 'Oliwia', 'Gabriela', 'Bożena', 'Grażyna', 'Kinga',
        'Łucja', 'Róża', 'Żaneta', 'Weronika', 'Justyna', 'Dorota', 'Paulina', 'Marta'
    ]),
    ('PL', 'male', [
        'Piotr', 'Krzysztof', 'Andrzej', 'Tomasz', 'Paweł', 'Michał', 'Marcin', 'Jakub', 'Łukasz',
        'Grzegorz', 'Wojciech', 'Mateusz', 'Kamil', 'Bartosz', 'Rafał', 'Maciej', 'Szymon',
        'Filip', 'Kacper', 'Stanisław', 'Zbigniew', 'Jerzy', 'Tadeusz', 'Mariusz', 'Dariusz',
        'Władysław', 'Józef', 'Bogdan', 'Sławomir', 'Przemysław', 'Jarosław', 'Hubert'
    ])
) as listed (country_code, gender, given_names);

create or replace temp table family_name as
select
    listed.country_code,
    unnest(listed.family_names) as family_name,
    unnest(range(len(listed.family_names))) as name_index
from (
    values
    ('NL', [
        'de Vries', 'van den Berg', 'van Dijk', 'Bakker', 'Janssen', 'Visser', 'Smit', 'Meijer',
        'de Boer', 'Mulder', 'de Groot', 'Bos', 'Vos', 'Peters', 'Hendriks', 'van Leeuwen',
        'Dekker', 'Brouwer', 'de Wit', 'Dijkstra', 'Smits', 'de Graaf', 'van der Meer',
        'van der Linden', 'Kok', 'Jacobs', 'de Haan', 'Vermeulen', 'van den Heuvel',
        'van der Veen', 'van den Broek', 'de Bruijn', 'van der Heijden', 'Schouten', 'van Beek',
        'Willems', 'van Vliet', 'Hoekstra', 'Maas', 'Verhoeven', 'Koster', 'van Dam',
        'van der Wal', 'Prins', 'Blom', 'Huisman', 'Peeters', 'de Jong', 'Kuipers', 'van Veen',
        'Post', 'Kuiper', 'Veenstra', 'Kramer', 'van den Brink', 'Scholten', 'van Wijk', 'Postma',
        'Martens', 'Verbeek', 'Kaya', 'El Amrani', 'Hoogendoorn', 'Daniëls'
    ]),
    ('NO', [
        'Hansen', 'Johansen', 'Olsen', 'Larsen', 'Andersen', 'Pedersen', 'Nilsen', 'Kristiansen',
        'Jensen', 'Karlsen', 'Johnsen', 'Pettersen', 'Eriksen', 'Berg', 'Haugen', 'Hagen',
        'Johannessen', 'Andreassen', 'Jacobsen', 'Dahl', 'Jørgensen', 'Halvorsen', 'Henriksen',
        'Lund', 'Sørensen', 'Jakobsen', 'Moen', 'Gundersen', 'Iversen', 'Strand', 'Solberg',
        'Martinsen', 'Svendsen', 'Eide', 'Knutsen', 'Bakken', 'Kristoffersen', 'Mathisen', 'Lie',
        'Amundsen', 'Nguyen', 'Rasmussen', 'Lunde', 'Solheim', 'Berge', 'Moe', 'Nygård',
        'Fredriksen', 'Bakke', 'Kvåle', 'Fjeld', 'Ødegård', 'Sæther', 'Bjørklund', 'Tveit',
        'Aasen', 'Thorsen', 'Holm', 'Næss', 'Sandvik', 'Røed', 'Brekke', 'Åsheim', 'Myhre'
    ]),
    ('PL', [
        'Nowak', 'Wójcik', 'Woźniak', 'Mazur', 'Krawczyk', 'Zając', 'Król', 'Wieczorek', 'Wróbel',
        'Stępień', 'Dudek', 'Pawlak', 'Sikora', 'Walczak', 'Michalak', 'Szewczyk', 'Baran',
        'Pietrzak', 'Wilk', 'Duda', 'Włodarczyk', 'Kubiak', 'Kaźmierczak', 'Kołodziej',
        'Błaszczyk', 'Kozak', 'Szulc', 'Mróz', 'Urban', 'Gajda', 'Kania', 'Sobczak', 'Czech',
        'Bąk', 'Kos', 'Marzec', 'Cieślak', 'Kot', 'Górka', 'Ptak', 'Bielak', 'Żak', 'Łuczak',
        'Janik', 'Musiał', 'Jaworek', 'Bednarz', 'Kwiecień', 'Tomczyk', 'Kowal', 'Sroka', 'Kołacz',
        'Głąb', 'Piątek', 'Cichoń', 'Gołąb', 'Szczepaniak', 'Matusiak', 'Wawrzyniak', 'Bartczak',
        'Owczarek', 'Kacprzak', 'Skiba', 'Rak'
    ])
) as listed (country_code, family_names);

create or replace temp table place (
    country_code varchar,
    place_index bigint,
    city varchar,
    postal_stem varchar
);
insert into place values
('NL', 0, 'Amsterdam', '10'),
('NL', 1, 'Rotterdam', '30'),
('NL', 2, 'Den Haag', '25'),
('NL', 3, 'Utrecht', '35'),
('NL', 4, 'Eindhoven', '56'),
('NL', 5, 'Groningen', '97'),
('NL', 6, 'Tilburg', '50'),
('NL', 7, 'Nijmegen', '65'),
('NL', 8, 'Arnhem', '68'),
('NL', 9, 'Maastricht', '62'),
('NO', 0, 'Oslo', '01'),
('NO', 1, 'Bergen', '50'),
('NO', 2, 'Trondheim', '70'),
('NO', 3, 'Stavanger', '40'),
('NO', 4, 'Tromsø', '90'),
('NO', 5, 'Bodø', '80'),
('NO', 6, 'Ålesund', '60'),
('NO', 7, 'Lillehammer', '26'),
('NO', 8, 'Kristiansand', '46'),
('NO', 9, 'Drammen', '30'),
('PL', 0, 'Warszawa', '00'),
('PL', 1, 'Kraków', '30'),
('PL', 2, 'Łódź', '90'),
('PL', 3, 'Wrocław', '50'),
('PL', 4, 'Poznań', '60'),
('PL', 5, 'Gdańsk', '80'),
('PL', 6, 'Szczecin', '70'),
('PL', 7, 'Zakopane', '34'),
('PL', 8, 'Katowice', '40'),
('PL', 9, 'Białystok', '15');

create or replace temp table street_name as
select
    listed.country_code,
    unnest(listed.streets) as street,
    unnest(range(len(listed.streets))) as street_index
from (
    values
    ('NL', [
        'Kerkstraat', 'Dorpsstraat', 'Molenweg', 'Stationsweg', 'Wilhelminalaan', 'Beukenlaan',
        'Nieuwe Gracht', 'Duinpad'
    ]),
    ('NO', [
        'Storgata', 'Kirkeveien', 'Skogveien', 'Fjellveien', 'Bjørkelia', 'Strandgata', 'Åsveien',
        'Elvebakken'
    ]),
    ('PL', [
        'ul. Długa', 'ul. Polna', 'ul. Leśna', 'ul. Słoneczna', 'ul. Krótka', 'ul. Ogrodowa',
        'ul. Łąkowa', 'ul. Górska'
    ])
) as listed (country_code, streets);

-- Forty stores: twenty in the Netherlands, twelve in Norway, eight in Poland.
create or replace temp table store as
select
    countries.country_code || lpad((numbers.store_number + 1)::varchar, 2, '0') as store_id,
    countries.country_code,
    numbers.store_number,
    countries.store_count,
    countries.timezone
from (
    values
    ('NL', 20, 'Europe/Amsterdam'),
    ('NO', 12, 'Europe/Oslo'),
    ('PL', 8, 'Europe/Warsaw')
) as countries (country_code, store_count, timezone)
inner join range(20) as numbers (store_number) on numbers.store_number < countries.store_count;

-- A tablet that the staff of three flagship stores hand to whoever stands before them.
create or replace temp table store_tablet as
select
    tablets.country_code,
    tablets.store_id,
    uuid_text(tablets.tablet_number, 'tablet anonymous id') as anonymous_id,
    uuid_text(tablets.tablet_number, 'tablet device id') as device_id
from (
    values ('NL', 'NL01', 1), ('NO', 'NO01', 2), ('PL', 'PL01', 3)
) as tablets (country_code, store_id, tablet_number);
