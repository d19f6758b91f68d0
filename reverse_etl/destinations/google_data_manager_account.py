"""Which account of Google's has the audience, and who we are there."""

from reverse_etl.auth import google_service_account
from reverse_etl.destinations.protocol import Opening
from reverse_etl.errors import SyncConfigurationError
from reverse_etl.transport import Auth, TokenAuth
from warehouse.manifest import Json

_SCOPE = "https://www.googleapis.com/auth/datamanager"


def account_of(opening: Opening) -> dict[str, Json]:
    """The account that has the audience, and the one that we log in with."""
    kind = opening.settings.get("account_type", "google_ads").upper()
    login_id = opening.plain("login_customer_id").replace("-", "")
    account: dict[str, Json] = {
        "operatingAccount": {
            "accountType": kind,
            "accountId": opening.plain("customer_id").replace("-", ""),
        }
    }
    if login_id:
        account["loginAccount"] = {"accountType": "GOOGLE_ADS", "accountId": login_id}
    return account


def auth_of(opening: Opening) -> Auth:
    """A service account where there is one, and else a token.

    Raises:
        SyncConfigurationError: There is neither.
    """
    account, token = (
        opening.credentials["service_account"],
        opening.credentials["token"],
    )
    if account.reveal():
        return google_service_account(
            account, scope=_SCOPE, token_url=opening.plain("token_url") or None
        )
    if token.reveal():
        return TokenAuth(token)
    raise SyncConfigurationError(
        f"The destination '{opening.account}' needs a service account or a token in the "
        "environment. docs/destinations/google_data_manager.md says what they are."
    )
