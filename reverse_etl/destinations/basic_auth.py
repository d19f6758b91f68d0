"""Name and password, or what stands for them, in the way that HTTP calls basic."""

import base64

from reverse_etl.transport import Secret, TokenAuth


def basic_auth(user: str, password: Secret) -> TokenAuth:
    """The header for a user with a password. Many tools take a key as one of the two."""
    pair = f"{user}:{password.reveal()}"
    return TokenAuth(Secret(base64.b64encode(pair.encode()).decode()), prefix="Basic ")
