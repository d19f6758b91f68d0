-- What people write to support about, in their language, and what the desk answers.

create or replace temp table support_topic (
    country_code varchar,
    topic_number bigint,
    topic varchar,
    subject varchar,
    question varchar,
    answer varchar
);
insert into support_topic values
(
    'NL',
    1,
    'late',
    'Waar blijft mijn pakket?',
    'Hallo, ik heb {days} dagen geleden de {article} besteld en nog niets ontvangen. Kunnen jullie dit nakijken? Groet, {name}',
    'Dag {name}, excuses voor de vertraging. Je pakket ligt bij de bezorger en komt morgen.'
),
(
    'NL',
    2,
    'size',
    'Verkeerde maat',
    'De {article} valt te klein uit. Kan ik ruilen voor een maat groter? {name}',
    'Dag {name}, natuurlijk. Het retourlabel staat in je mail, de nieuwe maat is gereserveerd.'
),
(
    'NL',
    3,
    'return',
    'Retour ontvangen?',
    'Ik heb de {article} {days} dagen geleden teruggestuurd. Wanneer krijg ik mijn geld? {name}',
    'Dag {name}, je retour is binnen. Je hebt het bedrag binnen drie werkdagen terug.'
),
(
    'NL',
    4,
    'warranty',
    'Garantie',
    'Na {days} dagen gebruik laat de naad van mijn {article} los. Valt dit onder garantie? {name}',
    'Dag {name}, dat hoort niet. Stuur een foto, dan repareren of vervangen we de {article}.'
),
(
    'NL',
    5,
    'advice',
    'Advies gevraagd',
    'Is de {article} warm genoeg voor {days} dagen in de bergen in oktober? {name}',
    'Dag {name}, tot rond het vriespunt wel. Neem voor kouder weer een extra laag mee.'
),
(
    'NL',
    6,
    'account',
    'Kan niet inloggen',
    'Ik kan niet meer inloggen en de resetmail komt niet aan. {name}',
    'Dag {name}, we hebben je account vrijgegeven. Kijk ook even in je spammap.'
),
(
    'NL',
    7,
    'points',
    'Punten op mijn kaart',
    'Mijn punten van {days} dagen geleden staan nog niet op de kaart. {name}',
    'Dag {name}, ze zijn nu bijgeschreven. Fijne tocht!'
),
(
    'NO',
    1,
    'late',
    'Hvor er pakken min?',
    'Hei, jeg bestilte {article} for {days} dager siden og har ikke fått noe ennå. Kan dere sjekke? Hilsen {name}',
    'Hei {name}, beklager ventetiden. Pakken er hos transportøren og kommer i morgen.'
),
(
    'NO',
    2,
    'size',
    'Feil størrelse',
    '{article} er for liten. Kan jeg bytte til en større? {name}',
    'Hei {name}, selvfølgelig. Returlappen ligger i e-posten din, ny størrelse er satt av.'
),
(
    'NO',
    3,
    'return',
    'Har dere fått returen?',
    'Jeg sendte {article} tilbake for {days} dager siden. Når får jeg pengene? {name}',
    'Hei {name}, returen er mottatt. Beløpet er på konto innen tre virkedager.'
),
(
    'NO',
    4,
    'damaged',
    'Reklamasjon',
    'Sømmen på {article} gikk opp etter {days} dager på tur. Dekkes det? {name}',
    'Hei {name}, slik skal det ikke være. Send et bilde, så reparerer eller bytter vi.'
),
(
    'NO',
    5,
    'advice',
    'Trenger råd',
    'Holder {article} for {days} dager på vidda i september? {name}',
    'Hei {name}, ja, ned til null grader. Ta med et ekstra lag om det blåser.'
),
(
    'NO',
    6,
    'account',
    'Får ikke logget inn',
    'Jeg får ikke logget inn, og e-posten for nytt passord kommer ikke. {name}',
    'Hei {name}, kontoen er åpnet igjen. Se også i søppelposten.'
),
(
    'NO',
    7,
    'points',
    'Poeng mangler',
    'Poengene fra for {days} dager siden mangler på kortet. {name}',
    'Hei {name}, de er lagt inn nå. God tur!'
),
(
    'PL',
    1,
    'late',
    'Gdzie jest moja paczka?',
    'Dzień dobry, {days} dni temu zamówione: {article}. Paczka jeszcze nie dotarła. Proszę o sprawdzenie. {name}',
    'Dzień dobry {name}, przepraszamy za opóźnienie. Paczka jest u kuriera i dotrze jutro.'
),
(
    'PL',
    2,
    'size',
    'Zły rozmiar',
    '{article} jest za mały. Czy mogę wymienić na większy? {name}',
    'Dzień dobry {name}, oczywiście. Etykieta zwrotna jest w wiadomości, nowy rozmiar odłożyliśmy.'
),
(
    'PL',
    3,
    'return',
    'Zwrot',
    '{days} dni temu odesłane: {article}. Kiedy otrzymam zwrot pieniędzy? {name}',
    'Dzień dobry {name}, zwrot dotarł. Środki będą na koncie w ciągu trzech dni roboczych.'
),
(
    'PL',
    4,
    'warranty',
    'Reklamacja',
    'Po {days} dniach puścił szew: {article}. Czy obejmuje to gwarancja? {name}',
    'Dzień dobry {name}, tak nie powinno być. Prosimy o zdjęcie, naprawimy lub wymienimy.'
),
(
    'PL',
    5,
    'advice',
    'Prośba o radę',
    'Czy {article} wystarczy na {days} dni w Tatrach w październiku? {name}',
    'Dzień dobry {name}, tak, do około zera stopni. Warto wziąć dodatkową warstwę.'
),
(
    'PL',
    6,
    'account',
    'Nie mogę się zalogować',
    'Nie mogę się zalogować, a wiadomość z nowym hasłem nie przychodzi. {name}',
    'Dzień dobry {name}, konto jest odblokowane. Proszę sprawdzić też folder spam.'
),
(
    'PL',
    7,
    'points',
    'Brakujące punkty',
    'Brakuje punktów sprzed {days} dni na mojej karcie. {name}',
    'Dzień dobry {name}, punkty zostały dopisane. Udanej wędrówki!'
);
