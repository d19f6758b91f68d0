"""Tokens that are fetched: once, before they run out, and once more after a refusal."""

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from reverse_etl.auth import (
    Claims,
    client_credentials,
    google_service_account,
    jwt_bearer,
    refresh_token,
)
from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.transport import Auth, HttpClient, HttpOptions, RetryPolicy, Secret

NOW = datetime(2026, 6, 30, 12, tzinfo=UTC)
API = "https://api.example.com"
TOKEN_URL = "https://login.example.com/oauth/token"
SECRET = "secret-that-nobody-may-see"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class Service:
    """A token server and an interface that takes only the newest of its tokens."""

    def __init__(self, expires_in: object = 3600) -> None:
        self.asked: list[httpx.Request] = []
        self.used: list[str] = []
        self.revoked: set[str] = set()
        self.extra: Mapping[str, object] = {}
        self.token_answer: Callable[[], httpx.Response] = self.next_token
        self.now_s = 100.0
        self._expires_in = expires_in
        self._lock = threading.Lock()

    def next_token(self) -> httpx.Response:
        return httpx.Response(
            200,
            json={
                "access_token": f"token-{len(self.asked)}",
                "expires_in": self._expires_in,
                **self.extra,
            },
        )

    def __call__(self, request: httpx.Request) -> httpx.Response:
        with self._lock:
            if request.url.host == "login.example.com":
                self.asked.append(request)
                return self.token_answer()
            token = request.headers["authorization"].removeprefix("Bearer ")
            self.used.append(token)
            return httpx.Response(401 if token in self.revoked else 200, json={})

    def options(self) -> HttpOptions:
        return HttpOptions(
            policy=RetryPolicy(max_attempts=2, first_wait_s=0.0),
            transport=httpx.MockTransport(self),
            sleep=lambda _: None,
            clock=lambda: self.now_s,
            now=lambda: NOW,
        )

    def forms(self) -> list[dict[str, str]]:
        return [dict(parse_qsl(request.content.decode())) for request in self.asked]


@pytest.fixture
def service() -> Service:
    return Service()


def client_of(service: Service, auth: Auth) -> HttpClient:
    return HttpClient(API, auth, service.options())


def own_credentials() -> Auth:
    return client_credentials(TOKEN_URL, client_id="app", client_secret=Secret(SECRET))


def test_one_token_serves_many_requests(service):
    client = client_of(service, own_credentials())

    client.request("GET", "/a")
    client.request("GET", "/b")

    assert service.used == ["token-1", "token-1"]
    assert service.forms() == [
        {
            "grant_type": "client_credentials",
            "client_id": "app",
            "client_secret": SECRET,
        }
    ]


def test_a_token_is_replaced_a_minute_before_it_runs_out(service):
    client = client_of(service, own_credentials())
    client.request("GET", "/a")
    service.now_s += 3539
    client.request("GET", "/b")
    service.now_s += 2

    client.request("GET", "/c")

    assert service.used == ["token-1", "token-1", "token-2"]


@pytest.mark.parametrize("expires_in", [None, True, "soon"])
def test_a_token_without_a_known_end_is_kept_until_it_is_refused(expires_in):
    service = Service(expires_in)
    client = client_of(service, own_credentials())
    client.request("GET", "/a")
    service.now_s += 1_000_000

    client.request("GET", "/b")

    assert service.used == ["token-1", "token-1"]


def test_a_life_given_as_text_counts(service):
    service = Service("7200")
    client = client_of(service, own_credentials())
    client.request("GET", "/a")
    service.now_s += 7141

    client.request("GET", "/b")

    assert service.used == ["token-1", "token-2"]


def test_a_life_shorter_than_the_margin_is_used_by_half():
    service = Service(30)
    client = client_of(service, own_credentials())
    client.request("GET", "/a")
    service.now_s += 14
    client.request("GET", "/b")
    service.now_s += 2

    client.request("GET", "/c")

    assert service.used == ["token-1", "token-1", "token-2"]


def test_a_refused_token_is_replaced_once_and_the_request_repeated(service):
    client = client_of(service, own_credentials())
    service.revoked = {"token-1"}

    client.request("GET", "/a")

    assert service.used == ["token-1", "token-2"]


def test_a_second_refusal_of_the_same_request_stops(service):
    client = client_of(service, own_credentials())
    service.revoked = {"token-1", "token-2"}

    with pytest.raises(FatalDeliveryError) as caught:
        client.request("GET", "/a")

    assert caught.value.error_class is ErrorClass.AUTH
    assert service.used == ["token-1", "token-2"]


def test_threads_share_one_request_for_a_token(service):
    client = client_of(service, own_credentials())

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: client.request("GET", "/a"), range(8)))

    assert len(service.asked) == 1


def test_threads_that_saw_the_same_token_refused_replace_it_once(service):
    auth = own_credentials()
    client = client_of(service, auth)
    both_have_it = threading.Barrier(2, timeout=10)
    first_has_replaced_it = threading.Event()

    def first() -> Mapping[str, str]:
        auth.headers(client)
        both_have_it.wait()
        auth.refresh()
        found = auth.headers(client)
        first_has_replaced_it.set()
        return found

    def second() -> Mapping[str, str]:
        auth.headers(client)
        both_have_it.wait()
        first_has_replaced_it.wait(10)
        auth.refresh()
        return auth.headers(client)

    with ThreadPoolExecutor(2) as threads:
        under_way = [threads.submit(first), threads.submit(second)]
        found = [thread.result() for thread in under_way]

    assert found == [{"authorization": "Bearer token-2"}] * 2


def test_query_credentials_go_after_the_question_mark_of_a_get(service):
    auth = client_credentials(
        TOKEN_URL, client_id="app", client_secret=Secret(SECRET), is_query=True
    )

    client_of(service, auth).request("GET", "/a")

    (asked,) = service.asked
    assert (asked.method, asked.url.path, asked.content) == ("GET", "/oauth/token", b"")
    assert dict(asked.url.params) == {
        "grant_type": "client_credentials",
        "client_id": "app",
        "client_secret": SECRET,
    }


def test_a_scope_is_asked_for(service):
    auth = client_credentials(
        TOKEN_URL, client_id="app", client_secret=Secret(SECRET), scope="write"
    )

    client_of(service, auth).request("GET", "/a")

    assert service.forms()[0]["scope"] == "write"


def test_a_new_refresh_token_is_used_for_the_next_token(service):
    auth = refresh_token(
        TOKEN_URL, client_id="app", client_secret=Secret(SECRET), token=Secret("first")
    )
    client = client_of(service, auth)
    service.extra = {"refresh_token": "second"}
    service.revoked = {"token-1"}

    client.request("GET", "/a")

    assert [form["refresh_token"] for form in service.forms()] == ["first", "second"]
    assert service.forms()[0]["grant_type"] == "refresh_token"


def test_an_assertion_says_who_asks_for_whom_and_for_how_long(service):
    auth = jwt_bearer(
        TOKEN_URL,
        Claims(issuer="app", audience="https://login.example.com", subject="ada"),
        private_key=Secret(pem(KEY)),
    )

    client_of(service, auth).request("GET", "/a")

    form = service.forms()[0]
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    claims = jwt.decode(
        form["assertion"],
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://login.example.com",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims == {
        "iss": "app",
        "aud": "https://login.example.com",
        "sub": "ada",
        "iat": 1782820800,
        "exp": 1782820980,
    }


def test_a_key_on_one_line_is_a_key(service):
    one_line = pem(KEY).replace("\n", "\\n")
    auth = jwt_bearer(
        TOKEN_URL, Claims("app", "audience"), private_key=Secret(one_line)
    )

    client_of(service, auth).request("GET", "/a")

    assert service.used == ["token-1"]


@pytest.mark.parametrize(
    "key",
    ["", "/etc/key.pem", pem(KEY)[:300], pem(ec.generate_private_key(ec.SECP256R1()))],
    ids=["empty", "path", "torn", "elliptic"],
)
def test_what_is_no_rsa_key_is_refused_without_being_shown(key):
    with pytest.raises(SyncConfigurationError) as caught:
        jwt_bearer(TOKEN_URL, Claims("app", "audience"), private_key=Secret(key))

    assert "RSA key" in str(caught.value)
    assert caught.value.__cause__ is None
    assert not key or key not in str(caught.value)


def test_a_google_service_account_asks_for_its_scope_where_its_file_says(service):
    account = {
        "client_email": "sync@project.example.com",
        "private_key": pem(KEY),
        "private_key_id": "key-1",
        "token_uri": TOKEN_URL,
    }
    auth = google_service_account(
        Secret(json.dumps(account)), scope="https://example.com/auth/datamanager"
    )

    client_of(service, auth).request("GET", "/a")

    assertion = service.forms()[0]["assertion"]
    assert jwt.get_unverified_header(assertion)["kid"] == "key-1"
    assert jwt.decode(assertion, options={"verify_signature": False}) == {
        "iss": "sync@project.example.com",
        "aud": TOKEN_URL,
        "scope": "https://example.com/auth/datamanager",
        "iat": 1782820800,
        "exp": 1782824400,
    }


@pytest.mark.parametrize("text", ["", "/key.json", "[]", '{"client_email": "a"}'])
def test_what_is_no_service_account_is_refused(text):
    with pytest.raises(SyncConfigurationError, match="client_email and private_key"):
        google_service_account(Secret(text), scope="scope")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_stop_with_the_servers_code(service, status):
    service.token_answer = lambda: httpx.Response(
        status, json={"error": "invalid_client", "error_description": SECRET}
    )

    with pytest.raises(FatalDeliveryError) as caught:
        client_of(service, own_credentials()).request("GET", "/a")

    assert caught.value.error_class is ErrorClass.AUTH
    assert caught.value.code == "invalid_client"
    assert not caught.value.is_in_doubt
    assert SECRET not in str(caught.value)
    assert service.used == []


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(401, json={"error": SECRET}),
        httpx.Response(401, json=[]),
        httpx.Response(400, text=SECRET),
    ],
    ids=["unknown code", "no object", "no JSON"],
)
def test_a_refusal_in_other_words_has_no_code(service, answer):
    service.token_answer = lambda: answer

    with pytest.raises(FatalDeliveryError) as caught:
        client_of(service, own_credentials()).request("GET", "/a")

    assert (caught.value.error_class, caught.value.code) == (ErrorClass.AUTH, None)


def test_no_record_is_in_doubt_when_the_token_server_fails(service):
    service.token_answer = lambda: httpx.Response(503)

    with pytest.raises(RetryableDeliveryError) as caught:
        client_of(service, own_credentials()).request("GET", "/a")

    assert not caught.value.is_in_doubt
    assert len(service.asked) == 2


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"{}", b'{"access_token": ""}'])
def test_an_answer_without_a_token_stops(service, body):
    service.token_answer = lambda: httpx.Response(200, content=body)

    with pytest.raises(FatalDeliveryError) as caught:
        client_of(service, own_credentials()).request("GET", "/a")

    assert caught.value.error_class is ErrorClass.INTERNAL
    assert not caught.value.is_in_doubt


def test_a_token_server_over_plain_http_is_refused(service):
    auth = client_credentials(
        "http://login.example.com/token", client_id="app", client_secret=Secret(SECRET)
    )

    with pytest.raises(SyncConfigurationError, match="plain http"):
        client_of(service, auth).request("GET", "/a")


def test_nothing_secret_is_in_a_representation(service):
    auth = own_credentials()
    client_of(service, auth).request("GET", "/a")

    assert repr(auth) == "OAuth('login.example.com')"
