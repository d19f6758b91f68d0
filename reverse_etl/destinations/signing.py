"""Signatures of what is sent to those who check that it came from here. Pure.

HMAC-SHA256 with a time in it, so that a request that somebody recorded is of no use later.
How a receiver checks it: docs/destinations/webhook.md.
"""

import hashlib
import hmac
from collections.abc import Sequence

from reverse_etl.transport import Secret


def signature(content: bytes, *, at_s: int, secrets: Sequence[Secret]) -> str:
    """`t=<seconds>,v1=<hex>`, with one v1 for each secret.

    Args:
        content: The body as it is sent.
        at_s: The moment, in seconds since 1970 in UTC. It is signed too: what is signed is
            "<seconds>.<body>".
        secrets: One; two while a secret is being replaced, so that a receiver may know
            either.
    """
    signed = b"%d.%b" % (at_s, content)
    return ",".join(
        (
            f"t={at_s}",
            *(
                f"v1={hmac.new(secret.reveal().encode(), signed, hashlib.sha256).hexdigest()}"
                for secret in secrets
            ),
        )
    )
