select
    customers.customer_id,
    customers.email,
    customers.spent_amount,
    customers.created_at
from {{ ref('dim_customers') }} as customers
inner join {{ ref('customer_consents') }} as consents
    on
        customers.customer_id = consents.customer_id
        and consents.purpose = 'email_marketing'
        and consents.is_granted
