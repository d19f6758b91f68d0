"""TikTok's rules, for customer audiences. Everything is hashed."""

from reverse_etl.normalising.normaliser import hashed, hashed_by_region
from reverse_etl.normalising.phones import e164
from reverse_etl.normalising.written import device_id, email_without_spaces

NORMALISERS = (
    hashed("tiktok.email", 1, email_without_spaces),
    hashed_by_region("tiktok.phone", 1, e164),
    hashed("tiktok.device_id", 1, device_id),
)
