-- Carts of both kinds: left behind, and bought.
create or replace temp table cart as
with

cart_lines as (

    select
        viewed_product.visit_id,
        product.product_id,
        product.sku,
        product.name,
        viewed_product.view_index,
        viewed_product.quantity,
        case person.currency
            when 'EUR' then product.minor_eur when 'NOK' then product.minor_nok else
                product.minor_pln
        end as unit_minor

    from viewed_product
    inner join product on viewed_product.price_rank = product.price_rank
    inner join visit on viewed_product.visit_id = visit.visit_id
    inner join person on visit.person_id = person.person_id
    where viewed_product.is_added

)

select
    cart_lines.visit_id,
    sum(cart_lines.unit_minor * cart_lines.quantity)::bigint as value_minor,
    to_json(
        list(
            {
                'product_id': cart_lines.product_id::varchar,
                'sku': cart_lines.sku,
                'name': cart_lines.name,
                'price': cart_lines.unit_minor / 100.0,
                'quantity': cart_lines.quantity
            }
            order by cart_lines.view_index
        )
    )::varchar as products
from cart_lines
group by cart_lines.visit_id;
