"""What it means that a server of SFTP did not take a file, by the kind of error. Pure."""

from collections.abc import Mapping

from reverse_etl.errors import ErrorClass, FatalDeliveryError

# By the name of asyncssh's error; whatever is not here may pass, or is a lost line.
_CLASSES: Mapping[str, ErrorClass] = {
    "HostKeyNotVerifiable": ErrorClass.CONFIG,
    "KeyExchangeFailed": ErrorClass.CONFIG,
    "PermissionDenied": ErrorClass.AUTH,
    "SFTPNoSuchFile": ErrorClass.CONFIG,
    "SFTPNoSuchPath": ErrorClass.CONFIG,
    "SFTPNotADirectory": ErrorClass.CONFIG,
    "SFTPPermissionDenied": ErrorClass.PERMISSION,
    "SFTPWriteProtect": ErrorClass.PERMISSION,
}
_ADVICE: Mapping[str, str] = {
    "HostKeyNotVerifiable": (
        "Its key is not the one that it is known by. If its owner says that the key is "
        "new, set fingerprint or known_hosts anew; otherwise somebody else answered."
    ),
    "KeyExchangeFailed": (
        "It and this machine have no way of encryption in common, or its key is of "
        "another kind than known_hosts has."
    ),
    "PermissionDenied": (
        "It does not know the user with this password or key. Set them anew."
    ),
    "SFTPNoSpaceOnFilesystem": "Its disk is full.",
    "SFTPPermissionDenied": "The user may not write there. Check settings.path.",
    "SFTPQuotaExceeded": "The user's share of its disk is used up.",
}


class FailedError(Exception):
    """Something went wrong with the server. Holds none of its words."""

    def __init__(self, error: Exception) -> None:
        super().__init__(type(error).__name__)
        self.name = type(error).__name__
        self.error_class = _CLASSES.get(self.name, ErrorClass.TRANSIENT)
        # What the server says about a file stays so; a line that broke does not.
        self.may_pass = self.error_class is ErrorClass.TRANSIENT and (
            not self.name.startswith("SFTP")
            or self.name in ("SFTPConnectionLost", "SFTPNoConnection")
        )


def failed_run(
    failed: FailedError, host: str, *, is_in_doubt: bool
) -> FatalDeliveryError:
    """The error for a run whose files a server did not take."""
    advice = _ADVICE.get(
        failed.name, "The run is not whole there. Run again: it is written anew."
    )
    return FatalDeliveryError(
        f"The SFTP server {host} did not take a run's files ({failed.name}). {advice}",
        is_in_doubt=is_in_doubt and failed.may_pass,
        error_class=failed.error_class,
        code=failed.name,
    )
