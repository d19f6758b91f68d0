"""What it means that a store of objects did not take a file. Pure."""

from collections.abc import Mapping

from reverse_etl.errors import ErrorClass, FatalDeliveryError

_CODES: Mapping[str, ErrorClass] = {
    **dict.fromkeys(
        (
            "ExpiredToken",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidToken",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        ErrorClass.AUTH,
    ),
    **dict.fromkeys(
        ("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"),
        ErrorClass.PERMISSION,
    ),
    **dict.fromkeys(
        (
            "AuthorizationHeaderMalformed",
            "IllegalLocationConstraintException",
            "InvalidBucketName",
            "NoSuchBucket",
            "PermanentRedirect",
        ),
        ErrorClass.CONFIG,
    ),
    **dict.fromkeys(
        ("RequestLimitExceeded", "SlowDown", "ThrottlingException"),
        ErrorClass.THROTTLED,
    ),
}
_ADVICE: Mapping[ErrorClass, str] = {
    ErrorClass.AUTH: "Set the keys anew, or give the machine a role, then run again.",
    ErrorClass.PERMISSION: (
        "Give the keys s3:PutObject and s3:AbortMultipartUpload there, then run again."
    ),
    ErrorClass.CONFIG: "Check settings.bucket, the region and the url.",
}


def failed_upload(
    error: Exception, bucket: str, *, is_in_doubt: bool
) -> FatalDeliveryError:
    """What became of an upload that failed, without the store's own words."""
    response = getattr(error, "response", None)
    answer = response if isinstance(response, dict) else {}
    code = str(answer.get("Error", {}).get("Code") or type(error).__name__)
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if type(error).__name__ in ("NoCredentialsError", "PartialCredentialsError"):
        error_class = ErrorClass.AUTH
    else:
        error_class = _CODES.get(code, ErrorClass.TRANSIENT)
    # A refusal says that nothing was written; a lost or failed answer says nothing.
    is_sure = 400 <= status < 500 or error_class is not ErrorClass.TRANSIENT
    advice = _ADVICE.get(
        error_class, "The run is not whole there. Run again: it is written anew."
    )
    return FatalDeliveryError(
        f"The bucket '{bucket}' did not take a run's files ({code}). {advice}",
        is_in_doubt=is_in_doubt and not is_sure,
        error_class=error_class,
        code=code,
    )
