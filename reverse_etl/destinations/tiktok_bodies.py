"""What TikTok is told of people: rows of identifiers, or a form with a file. Pure."""

import hashlib
from collections.abc import Mapping, Sequence

from reverse_etl.destinations.protocol import Record
from warehouse.manifest import Json

ID_TYPES = {
    "email": "EMAIL_SHA256",
    "phone": "PHONE_SHA256",
    "idfa": "IDFA_SHA256",
    "aaid": "AAID_SHA256",
}


def mappings(
    records: Sequence[Record], audience_id: str
) -> tuple[list[Json], list[Json]]:
    """The kinds of identifiers that any record has, and a row of them for each record."""
    names = [
        name for name in ID_TYPES if any(record.match.get(name) for record in records)
    ]
    return [ID_TYPES[name] for name in names], [
        [
            {"id": record.match[name], "audience_ids": [audience_id]}
            if record.match.get(name)
            else {}
            for name in names
        ]
        for record in records
    ]


def form_with_file(
    fields: Mapping[str, str], filename: str, content: bytes
) -> tuple[str, bytes]:
    """A multipart form: its media type and its bytes, the same for the same content."""
    boundary = f"kenning-{hashlib.sha256(content).hexdigest()[:32]}"
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ]
    parts.append(
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; '
        f'filename="{filename}"\r\ncontent-type: text/csv\r\n\r\n'
    )
    body = "".join(parts).encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={boundary}", body
