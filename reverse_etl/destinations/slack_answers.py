"""What Slack's codes mean, for one message and for every later one. Pure."""

from collections.abc import Mapping

from reverse_etl.destinations.json_answers import json_object_or_none
from reverse_etl.errors import ErrorClass, FatalDeliveryError
from reverse_etl.transport import Faulty, Reading, Response, Stopped, Throttled

_THROTTLED = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_AUTH = frozenset(
    {
        "account_inactive",
        "invalid_auth",
        "not_authed",
        "token_expired",
        "token_revoked",
        "two_factor_setup_required",
    }
)
_PERMISSION = frozenset(
    {
        "access_denied",
        "accesslimited",
        "ekm_access_denied",
        "enterprise_is_restricted",
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
        "org_login_required",
        "restricted_action",
        "team_access_not_granted",
        "team_added_to_org",
    }
)
# Slack says of these two that some of the operation may have succeeded.
_PERHAPS_DONE = frozenset({"fatal_error", "internal_error"})
_NOTHING_DONE = frozenset({"request_timeout", "service_unavailable"})
CHANNEL_CODES = frozenset(
    {
        "channel_is_archived",
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "restricted_action_non_threadable_channel",
        "restricted_action_read_only_channel",
        "restricted_action_thread_only_channel",
    }
)
ROW_CLASSES: Mapping[str, ErrorClass] = {
    "invalid_blocks": ErrorClass.INVALID_FIELD,
    "markdown_text_conflict": ErrorClass.INVALID_FIELD,
    "msg_blocks_too_long": ErrorClass.TOO_LARGE,
    "msg_too_long": ErrorClass.TOO_LARGE,
    "no_text": ErrorClass.INVALID_FIELD,
    "thread_not_found": ErrorClass.NOT_FOUND,
    "user_not_found": ErrorClass.NOT_FOUND,
    **dict.fromkeys(CHANNEL_CODES, ErrorClass.NOT_FOUND),
}


def read(response: Response) -> Reading | None:
    """What an answer means for every later message; None leaves it to status and row."""
    code = (json_object_or_none(response) or {}).get("error")
    if not isinstance(code, str):
        return None
    if code in _THROTTLED:
        return Throttled()
    if code in _AUTH:
        return Stopped(ErrorClass.AUTH, code)
    if code in _PERMISSION:
        return Stopped(ErrorClass.PERMISSION, code)
    if code in _PERHAPS_DONE or code in _NOTHING_DONE:
        return Faulty(may_be_applied=code in _PERHAPS_DONE)
    return None


def stopped(code: str) -> FatalDeliveryError:
    """The error for a refusal that every later message would meet too."""
    known = code if code in ROW_CLASSES else "a code that is not known here"
    return FatalDeliveryError(
        f"Slack did not take the message ({known}). Check settings.channel, and that the "
        "app was invited there; then run again.",
        error_class=ErrorClass.CONFIG,
        code=code,
    )
