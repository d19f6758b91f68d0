"""Accounts: where credentials come from, and which limits hold."""

import dataclasses
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from reverse_etl.accounts import (
    Account,
    Given,
    account_fingerprint,
    allows_private_addresses,
    credentials,
    effective_limits,
)
from reverse_etl.destinations.protocol import Credential, LimitKind, RateLimit
from reverse_etl.destinations.registry import (
    capabilities_of,
    destination_type,
    limits_of,
    load_accounts,
    open_destination,
)
from reverse_etl.errors import (
    SpecError,
    SyncConfigurationError,
    UnknownDestinationError,
)
from reverse_etl.modes import Mode, Removal
from reverse_etl.spec import Association, Guards, MatchMapping, SyncSpec
from warehouse.values import Relation

SECRET = "s3cret-that-nobody-may-see"

FILE = """
accounts:
  mailer_main:
    type: mailer
    url: https://mailer.example.com
    token: {env: MAILER_TOKEN}
    limits:
      - {max_requests: 10, window_s: 1}
      - {max_requests: 1000, window_s: 60}
      - {max_requests: 4, kind: concurrency}
      - {max_requests: 50000, kind: daily, group: writes}
    share: 0.5
    allow_private_addresses: true
"""

SPEC = SyncSpec(
    name="mailer__people",
    model="people",
    model_unique_id="model.kenning.people",
    relation=Relation("activation", "people"),
    destination="mailer_main",
    object="contacts",
    mode=Mode.MIRROR,
    key="customer_id",
    mapping=(),
    purpose=None,
    guards=Guards(),
    path="models/_exposures.yml",
    on_removal=Removal.DELETE,
)

TOKEN = Credential("token", "The token.")
URL = Credential(
    "url", "The address.", is_secret=False, default="https://api.example.com"
)


def project(folder: Path, text: str = FILE) -> Path:
    (folder / "destinations.yml").write_text(text)
    return folder


def refusal(folder: Path, text: str) -> str:
    with pytest.raises(SyncConfigurationError) as caught:
        load_accounts(project(folder, text))
    return str(caught.value)


def test_an_account_has_its_own_settings(tmp_path):
    account = load_accounts(project(tmp_path)).get("mailer_main")

    assert account == Account(
        name="mailer_main",
        type_name="mailer",
        given={
            "url": Given(text="https://mailer.example.com"),
            "token": Given(env="MAILER_TOKEN"),
        },
        limits=(
            RateLimit(10, 1.0),
            RateLimit(1000, 60.0),
            RateLimit(4, 0.0, kind=LimitKind.CONCURRENCY),
            RateLimit(50000, 86400.0, group="writes", kind=LimitKind.DAILY),
        ),
        share=0.5,
        allow_private_addresses=True,
    )


@pytest.mark.parametrize("text", ["", "accounts:\n", "# nothing yet\n"])
def test_a_project_may_have_no_accounts(tmp_path, text):
    assert load_accounts(tmp_path).by_name == {}
    assert load_accounts(project(tmp_path, text)).by_name == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "account: {}",
            "destinations.yml, line 1: there is no setting 'account' here. Did you mean "
            "'accounts'?",
        ),
        (
            "accounts:\n  main: {type: mailre}",
            "destinations.yml, line 2: accounts.main.type: there is no destination "
            "'mailre'. Did you mean 'mailer'?",
        ),
        ("accounts:\n  main: {token: {env: X}}", "'type' is missing"),
        (
            "accounts:\n  main:\n    type: mailer\n    tokn: {env: X}",
            "line 4: accounts.main: there is no setting 'tokn' here. Did you mean 'token'?",
        ),
        ("accounts:\n  Main: {type: mailer}", "'Main' is not a name"),
        ("accounts:\n  files: {type: mailer}", "the name of another kind"),
        ("accounts: [mailer]", "this is a map of settings"),
        ("accounts:\n  a: {type: mailer}\n  a: {type: files}", "line 3.*twice"),
        ("accounts:\n  a: {type: mailer, share: 0}", "share: this is a number above 0"),
        ("accounts:\n  a: {type: mailer, share: 1.5}", "up to 1"),
        ("accounts:\n  a: {type: mailer, limits: 5}", "this is a list"),
        (
            "accounts:\n  a: {type: mailer, limits: [{window_s: 5}]}",
            r"accounts.a.limits\[0\]: 'max_requests' is missing",
        ),
        (
            "accounts:\n  a: {type: mailer, limits: [{max_requests: 5}]}",
            "'window_s' is missing",
        ),
        (
            "accounts:\n  a: {type: mailer, limits: [{max_requests: 5, kind: dayly}]}",
            "'dayly' is none of window, concurrency, daily. Did you mean 'daily'?",
        ),
        (
            "accounts:\n  a: {type: mailer, limits: "
            "[{max_requests: 5, kind: daily, window_s: 3}]}",
            "has no window",
        ),
        (
            "accounts:\n  a: {type: mailer, allow_private_addresses: 'yes'}",
            "this is true or false",
        ),
        ("accounts:\n  a: {type: mailer, token: {}}", "give one of"),
        ("accounts:\n  a: {type: mailer, token: {env: A, file: b}}", "give one of"),
        ("accounts:\n  a: {type: mailer, url: [x]}", "this is text, or {env: NAME}"),
        ("accounts: &x {}\nmore: *x", "aliases"),
        ("accounts:\n  - a\n b: c", "destinations.yml, line 3: this is not YAML"),
        ("accounts: {a: {type: 2026-01-01}}", "Put it in quotes"),
    ],
)
def test_a_file_that_cannot_be_meant_so_is_refused_with_its_place(
    tmp_path, text, message
):
    with pytest.raises(SyncConfigurationError, match=message):
        load_accounts(project(tmp_path, text))


@pytest.mark.parametrize(
    "text",
    [
        f"accounts:\n  a: {{type: mailer, token: {SECRET}}}",
        f"accounts:\n  a: {{type: mailer, token: {{env: {SECRET}}}}}",
        f"accounts:\n  a: {{type: mailer, token: '{SECRET}}}",
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(tmp_path, text):
    message = refusal(tmp_path, text)

    assert message.startswith("destinations.yml, line ")
    assert SECRET not in message


def test_credentials_come_from_where_the_account_says(tmp_path):
    (tmp_path / "token.txt").write_text(f"{SECRET}\n")
    account = Account(
        "main",
        "mailer",
        {"token": Given(file=tmp_path / "token.txt"), "url": Given(env="ADDRESS")},
    )

    found = credentials(account, (TOKEN, URL), {"ADDRESS": "https://eu.example.com"})

    assert found["token"].reveal() == SECRET
    assert found["url"].reveal() == "https://eu.example.com"


def test_credentials_that_the_account_does_not_name_come_from_its_variables():
    account = Account("klaviyo_eu", "klaviyo")

    found = credentials(account, (TOKEN, URL), {"KENNING_KLAVIYO_EU_TOKEN": SECRET})

    assert found["token"].reveal() == SECRET
    assert found["url"].reveal() == "https://api.example.com"


def test_missing_credentials_are_all_named():
    account = Account("main", "mailer", {"token": Given(env="MAILER_TOKEN")})
    wanted = (TOKEN, Credential("user", "The user."))

    with pytest.raises(
        SyncConfigurationError, match="MAILER_TOKEN and KENNING_MAIN_USER"
    ):
        credentials(account, wanted, {"MAILER_TOKEN": ""})


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_file_without_a_secret_is_refused(tmp_path, content):
    if content is not None:
        (tmp_path / "token.txt").write_text(content)
    account = Account("main", "mailer", {"token": Given(file=tmp_path / "token.txt")})

    with pytest.raises(SyncConfigurationError, match=r"the file token\.txt"):
        credentials(account, (TOKEN,), {})


def test_a_secrets_file_is_looked_for_in_the_project(tmp_path):
    text = "accounts: {main: {type: mailer, token: {file: secrets/mailer}}}"

    given = load_accounts(project(tmp_path, text)).get("main").given["token"]

    assert given == Given(file=tmp_path / "secrets" / "mailer")


@pytest.mark.parametrize(
    ("share", "limit", "expected"),
    [
        (1.0, RateLimit(10, 1.0), RateLimit(10, 1.0)),
        (0.5, RateLimit(10, 1.0), RateLimit(5, 1.0)),
        (0.25, RateLimit(10, 1.0), RateLimit(2, 1.0)),
        (0.25, RateLimit(1, 1.0), RateLimit(1, 4.0)),
        (
            0.1,
            RateLimit(4, 0.0, kind=LimitKind.CONCURRENCY),
            RateLimit(1, 0.0, kind=LimitKind.CONCURRENCY),
        ),
    ],
)
def test_a_share_of_a_limit_is_used(share, limit, expected):
    assert effective_limits(Account("a", "a", share=share), (limit,)) == (expected,)


def test_a_projects_own_limits_replace_the_vendors_of_the_same_group():
    account = Account("a", "a", limits=(RateLimit(3, 1.0),))
    vendors = (RateLimit(10, 1.0), RateLimit(100, 60.0), RateLimit(5, 1.0, "lists"))

    assert effective_limits(account, vendors) == (
        RateLimit(3, 1.0),
        RateLimit(5, 1.0, "lists"),
    )


@pytest.mark.parametrize(
    ("account", "environ", "is_allowed"),
    [
        (Account("a", "a"), {}, False),
        (Account("a", "a"), {"KENNING_ALLOW_PRIVATE_ADDRESSES": "0"}, False),
        (Account("a", "a"), {"KENNING_ALLOW_PRIVATE_ADDRESSES": "1"}, True),
        (Account("a", "a", allow_private_addresses=True), {}, True),
    ],
)
def test_inner_addresses_are_allowed_by_account_or_for_the_installation(
    account, environ, is_allowed
):
    assert allows_private_addresses(account, environ) is is_allowed


def test_a_sync_may_name_an_account_or_a_kind_of_destination(tmp_path):
    accounts = load_accounts(project(tmp_path))

    assert destination_type("mailer_main", accounts).name == "mailer"
    assert destination_type("mailer", accounts).name == "mailer"
    assert destination_type("mailer").name == "mailer"
    assert limits_of("mailer_main", accounts)[0] == RateLimit(5, 1.0)


def test_an_unknown_destination_is_told_the_nearest_name(tmp_path):
    accounts = load_accounts(project(tmp_path))

    with pytest.raises(UnknownDestinationError, match="Did you mean 'mailer_main'"):
        destination_type("mailer_man", accounts)


def test_an_account_is_opened_with_what_it_says(tmp_path):
    accounts = load_accounts(project(tmp_path))

    with open_destination(
        SPEC, {"MAILER_TOKEN": SECRET}, tmp_path, accounts=accounts
    ) as destination:
        assert destination.capabilities.max_batch_rows == 500


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"destination": "mailre"}, "no destination 'mailre'"),
        ({"mode": Mode.APPEND}, "mode 'append' is none that"),
        ({"on_removal": Removal.ARCHIVE}, "on_remove 'archive' is nothing that"),
        ({"on_withdrawal": Removal.CLEAR}, "on_withdrawal 'clear' is nothing that"),
        ({"on_removal": Removal.NOTHING}, "use 'upsert'"),
        (
            {"match": (MatchMapping("idd", "customer_id"),)},
            "finds no 'contacts' by 'idd'. Did you mean 'id'?",
        ),
        ({"settings": {"list": "1"}}, "has no setting 'list'"),
        ({"on_removal": None}, "no gentler way than to delete: give on_remove"),
        (
            {"mode": Mode.UPSERT, "on_removal": None, "purpose": "ads"},
            "say with on_withdrawal what happens",
        ),
        (
            {"mode": Mode.UPSERT, "on_removal": Removal.NOTHING, "purpose": "ads"},
            "say with on_withdrawal what happens",
        ),
    ],
)
def test_what_a_destination_cannot_do_is_refused_with_the_file_to_open(
    changes, message
):
    spec = dataclasses.replace(SPEC, **{"destination": "mailer", **changes})

    with pytest.raises((SpecError, UnknownDestinationError), match=message) as caught:
        capabilities_of(spec)

    assert "'mailer__people' in models/_exposures.yml" in str(caught.value)


@pytest.mark.parametrize(
    ("destination", "object_name", "names", "problem"),
    [
        ("intercom", "contacts", ["company"], None),
        ("intercom", "contacts", ["compny"], "Did you mean 'company'?"),
        ("salesforce", "Contact", ["Account.Key__c"], None),
        ("braze", "users", ["company"], "'braze' ties no 'users' to 'company'"),
    ],
)
def test_an_association_is_one_that_the_destination_has(
    destination: str, object_name: str, names: list[str], problem: str | None
):
    spec = dataclasses.replace(
        SPEC,
        destination=destination,
        object=object_name,
        mode=Mode.UPSERT,
        on_removal=None,
        match=(MatchMapping("external_id", "customer_id"),),
        associations=tuple(Association(name, "account_id") for name in names),
    )

    if problem is None:
        assert capabilities_of(spec).associations
    else:
        with pytest.raises(SpecError, match=re.escape(problem)):
            capabilities_of(spec)


def test_no_representation_shows_a_credential():
    account = Account("main", "mailer", {"token": Given(text=SECRET)})

    assert SECRET not in repr(account)


def how_to_example(project_root: Path) -> str:
    page = (project_root / "docs/how-to/add-a-destination.md").read_text("utf-8")
    found = re.search(r"```yaml\n(# yaml-language-server.*?)```", page, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_how_tos_example_is_read(tmp_path, project_root):
    accounts = load_accounts(project(tmp_path, how_to_example(project_root)))

    assert accounts.get("klaviyo_eu").share == 0.5
    assert accounts.get("crm_webhook").allow_private_addresses


@pytest.fixture
def schema(project_root: Path) -> jsonschema.Draft202012Validator:
    content = json.loads(
        (project_root / "reverse_etl/accounts.schema.json").read_text("utf-8")
    )
    jsonschema.Draft202012Validator.check_schema(content)
    return jsonschema.Draft202012Validator(content)


def test_the_schema_for_editors_accepts_what_is_accepted(schema, project_root):
    for text in (FILE, how_to_example(project_root), "accounts:"):
        assert list(schema.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "text",
    [
        "account: {}",
        "accounts: {main: {token: {env: X}}}",
        "accounts: {Main: {type: mailer}}",
        "accounts: {a: {type: mailer, share: 0}}",
        "accounts: {a: {type: mailer, limits: [{window_s: 5}]}}",
        "accounts: {a: {type: mailer, token: {env: A, file: b}}}",
        "accounts: {a: {type: mailer, token: {env: 'a-b'}}}",
        "accounts: {a: {type: mailer, allow_private_addresses: 'yes'}}",
    ],
)
def test_the_schema_for_editors_refuses_what_is_refused(tmp_path, schema, text):
    assert list(schema.iter_errors(yaml.safe_load(text))) != []
    with pytest.raises(SyncConfigurationError):
        load_accounts(project(tmp_path, text))


WHERE = (
    Credential("url", "its address", is_secret=False, default="https://a.example.com"),
    Credential("token", "its token"),
)


def place(type_name: str = "mailer", **environ: str) -> str | None:
    named = {f"KENNING_MAIN_{name}": value for name, value in environ.items()}
    return account_fingerprint(Account("main", type_name), WHERE, named)


@pytest.mark.parametrize(
    ("type_name", "url"),
    [
        ("webhook", "https://a.example.com"),
        ("mailer", "https://b.example.com"),
        ("mailer", "https://a.example.com/v2"),
    ],
)
def test_an_account_of_another_kind_or_address_is_another(type_name, url):
    assert place(type_name, URL=url) != place()


def test_a_new_token_does_not_make_it_another_account():
    assert place(TOKEN="one") == place(TOKEN="two")
    assert place(URL="http://127.0.0.1:1/") == place(URL="http://127.0.0.1:2")


def test_an_account_whose_address_is_not_known_here_is_not_told_apart():
    wanted = (Credential("url", "its address", is_secret=False),)
    account = Account("main", "mailer")

    assert account_fingerprint(account, wanted, {}) is None
    assert account_fingerprint(
        account, wanted, {"KENNING_MAIN_URL": "https://a.example"}
    )
