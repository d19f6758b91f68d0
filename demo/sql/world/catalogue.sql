-- Two hundred articles: twenty kinds of gear in ten ranges, priced in three currencies.

create or replace temp table product as
with

kinds (kind_number, category, kind, stem, price_eur) as (

    values
    (1, 'Accessories', 'Merino Socks', 'SOK', 12.0), (2, 'Accessories', 'Wool Beanie', 'BEA', 18.0),
    (3, 'Camp Kitchen', 'Titanium Mug', 'MUG', 22.0),
    (4, 'Accessories', 'Trekking Gloves', 'GLV', 28.0),
    (5, 'Lighting', 'Head Torch', 'TOR', 34.0),
    (6, 'Camp Kitchen', 'Insulated Bottle', 'BOT', 26.0),
    (7, 'Base Layers', 'Merino Shirt', 'SHI', 55.0),
    (8, 'Base Layers', 'Thermal Tights', 'TIG', 48.0),
    (9, 'Camp Kitchen', 'Gas Stove', 'STO', 62.0), (10, 'Trousers', 'Hiking Trousers', 'TRO', 79.0),
    (11, 'Mid Layers', 'Fleece Jacket', 'FLE', 89.0), (12, 'Backpacks', 'Day Pack 22', 'DAY', 75.0),
    (13, 'Sleeping', 'Sleeping Mat', 'MAT', 84.0), (14, 'Trekking', 'Carbon Poles', 'POL', 95.0),
    (15, 'Footwear', 'Trail Shoes', 'SHO', 119.0), (16, 'Footwear', 'Mountain Boots', 'BOO', 179.0),
    (17, 'Backpacks', 'Expedition Pack 65', 'EXP', 169.0),
    (18, 'Jackets', 'Shell Jacket', 'SHE', 229.0),
    (19, 'Sleeping', 'Down Sleeping Bag', 'BAG', 249.0),
    (20, 'Tents', 'Two-Person Tent', 'TEN', 319.0)

),

ranges (range_number, range_name, price_factor) as (

    values
    (1, 'Veluwe', 0.74),
    (2, 'Wadden', 0.81),
    (3, 'Bieszczad', 0.89),
    (4, 'Lofot', 0.95),
    (5, 'Rondane', 1.0),
    (6, 'Tatra', 1.08),
    (7, 'Hardanger', 1.17),
    (8, 'Jotun', 1.29),
    (9, 'Svalbard', 1.43),
    (10, 'Stormkap', 1.6)

),

articles as (

    select
        ranges.range_name || ' ' || kinds.kind as name,
        kinds.category,
        ranges.range_name as brand,
        'NV-' || kinds.stem || '-' || lpad(ranges.range_number::varchar, 2, '0') as sku,
        floor(kinds.price_eur * ranges.price_factor)::bigint as whole_eur,
        row_number() over (
            order by
                floor(kinds.price_eur * ranges.price_factor), kinds.kind_number, ranges.range_number
        ) as price_rank

    from kinds
    cross join ranges

)

select
    articles.price_rank,
    articles.name,
    lower(replace(replace(articles.name, ' ', '-'), '-(', '-')) as handle,
    articles.category,
    articles.brand,
    articles.sku,
    7000000000000 + opaque(articles.price_rank) as product_id,
    41000000000000 + opaque(articles.price_rank) as variant_id,
    articles.whole_eur * 100 + 95 as minor_eur,
    (round(articles.whole_eur * 1.16)::bigint * 10 + 9) * 100 as minor_nok,
    (round(articles.whole_eur * 4.3)::bigint * 100) + 99 as minor_pln,
    later(
        getvariable('started_at'), -86400 * (30 + whole(articles.price_rank, 'product age', 0, 900))
    ) as created_at
from articles;

-- How dear the dearest article is that a given amount still buys.
create or replace temp table price_ladder as
select
    product.minor_eur as from_minor_eur,
    max(product.price_rank) as price_rank
from product
group by product.minor_eur;
