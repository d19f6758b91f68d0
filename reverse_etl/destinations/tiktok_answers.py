"""What TikTok's answers mean, by the code in them: their status is always 200. Pure."""

from collections.abc import Mapping

from reverse_etl.destinations.json_answers import json_object, json_object_or_none
from reverse_etl.errors import ErrorClass
from reverse_etl.transport import (
    Expired,
    Faulty,
    Reading,
    Refused,
    Response,
    Stopped,
    Throttled,
)
from warehouse.manifest import Json

_SUCCESS = 0
_STOPPING = {40_001: ErrorClass.PERMISSION, 40_007: ErrorClass.CONFIG}
_TOO_FAST = 40_100
_TOKEN_CODES = frozenset({40_102, 40_104, 40_105})
# Which ones is not said, so that halves of the batch are tried.
_SOME_FAILED = 20_001


def check_success(response: Response) -> Mapping[str, Json]:
    """The data of an answer, which must say that all went well.

    Raises:
        FatalDeliveryError: It does not.
    """
    body = json_object(response)
    code = body.get("code")
    if type(code) is not int or code != _SUCCESS:
        raise response.undocumented()
    data = body.get("data")
    return data if isinstance(data, dict) else {}


def read_error(response: Response) -> Reading | None:
    """What an answer means, from its code: its status is 200 whatever happened."""
    code = (json_object_or_none(response) or {}).get("code")
    if type(code) is not int or code == _SUCCESS:
        return None
    if code in _TOKEN_CODES:
        return Expired()
    if code in _STOPPING:
        return Stopped(_STOPPING[code], str(code))
    if code == _TOO_FAST:
        return Throttled()
    if 50_000 <= code < 60_000:
        return Faulty()
    if code == _SOME_FAILED or 40_000 <= code < 50_000:
        return Refused(code=str(code))
    return None
