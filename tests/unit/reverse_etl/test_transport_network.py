"""What the transport does with a real network: addresses, certificates, proxies."""

import contextlib
import datetime as dt
import http.server
import ipaddress
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reverse_etl.errors import (
    ErrorClass,
    FatalDeliveryError,
    RetryableDeliveryError,
    SyncConfigurationError,
)
from reverse_etl.transport import HttpClient, HttpOptions, RetryPolicy

POLICY = RetryPolicy(max_attempts=2, first_wait_s=0.0, timeout_s=5.0)
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@dataclass
class Service:
    """A web server on this machine that counts who asks."""

    port: int
    hosts: list[str]


@contextlib.contextmanager
def serving(context: ssl.SSLContext | None = None) -> Iterator[Service]:
    hosts: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["host"])
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
    thread = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield Service(server.server_address[1], hosts)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


def certificate(folder: Path, *names: str) -> Path:
    """A self-signed certificate for these names, with its key, in one PEM file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName(
                [
                    x509.IPAddress(ipaddress.ip_address(name))
                    if name[0].isdigit()
                    else x509.DNSName(name)
                    for name in names
                ]
            ),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{names[0]}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@contextlib.contextmanager
def serving_tls(pem: Path) -> Iterator[Service]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with serving(context) as running:
        yield running


def get(url: str, **options: object) -> int:
    made = HttpOptions(**{"policy": POLICY, "allow_private_addresses": True} | options)
    with HttpClient(url, None, made) as client:
        return client.request("GET", "/v1/things").status


def leads_to(*addresses: str):
    return lambda host, port: addresses


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1", "https://10.0.0.1", "https://[fd12::1]"]
)
def test_an_inner_address_is_refused_before_any_request(url):
    with pytest.raises(SyncConfigurationError, match="allow_private_addresses"):
        get(url, allow_private_addresses=False)


@pytest.mark.parametrize("is_allowed", [True, False])
def test_a_metadata_address_is_never_asked(is_allowed):
    with pytest.raises(SyncConfigurationError, match="never asked"):
        get("https://169.254.169.254", allow_private_addresses=is_allowed)


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("10.1.2.3",), ("93.184.216.34", "127.0.0.1"), ("::ffff:7f00:1",)],
)
def test_a_name_that_leads_inside_is_refused(service, addresses):
    with pytest.raises(FatalDeliveryError) as caught:
        get(
            f"https://crm.example.com:{service.port}",
            allow_private_addresses=False,
            resolve=leads_to(*addresses),
        )

    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt
    assert "crm.example.com leads to" in str(caught.value)
    assert service.hosts == []


def test_a_name_that_leads_to_a_metadata_service_is_never_asked():
    with pytest.raises(FatalDeliveryError, match="never asked"):
        get("https://crm.example.com", resolve=leads_to("169.254.169.254"))


def test_the_connection_goes_to_the_address_that_was_checked(service):
    looked_up = []

    def resolve(host, port):
        looked_up.append((host, port))
        return ("127.0.0.1",) if len(looked_up) == 1 else ("169.254.169.254",)

    options = HttpOptions(
        policy=POLICY, allow_private_addresses=True, resolve=resolve, clock=lambda: 0.0
    )
    with HttpClient(f"http://localhost:{service.port}", None, options) as client:
        client.request("GET", "/")
        client.request("GET", "/")

    assert looked_up == [("localhost", service.port)]
    assert service.hosts == [f"localhost:{service.port}"] * 2


def test_a_name_is_looked_up_and_checked_again_after_a_while(service):
    answers = iter([("127.0.0.1",), ("169.254.169.254",)])
    seconds = [0.0]
    options = HttpOptions(
        policy=POLICY,
        allow_private_addresses=True,
        resolve=lambda host, port: next(answers),
        clock=lambda: seconds[0],
    )
    with HttpClient(f"http://localhost:{service.port}", None, options) as client:
        client.request("GET", "/")
        seconds[0] = 61.0
        with pytest.raises(FatalDeliveryError, match="never asked"):
            client.request("GET", "/")


def test_the_next_address_is_tried_when_one_does_not_answer(service):
    status = get(
        f"http://localhost:{service.port}", resolve=leads_to("127.255.0.9", "127.0.0.1")
    )

    assert status == 200


def test_a_name_without_an_address_may_have_one_later():
    def resolve(host, port):
        raise OSError("no such name")

    with pytest.raises(RetryableDeliveryError) as caught:
        get("https://crm.example.com", resolve=resolve)

    assert not caught.value.is_in_doubt


def test_a_certificate_that_nobody_vouches_for_is_refused_at_once(tmp_path):
    with serving_tls(certificate(tmp_path, "localhost")) as service:
        with pytest.raises(FatalDeliveryError, match="could not be verified") as caught:
            get(f"https://localhost:{service.port}")

        assert service.hosts == []
    assert caught.value.error_class is ErrorClass.CONFIG
    assert not caught.value.is_in_doubt


@pytest.mark.parametrize("host", ["crm.example.com", "127.0.0.1"])
def test_a_certificate_of_ones_own_authority_is_accepted(tmp_path, monkeypatch, host):
    pem = certificate(tmp_path, host)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    with serving_tls(pem) as service:
        status = get(f"https://{host}:{service.port}", resolve=leads_to("127.0.0.1"))

    assert status == 200


def test_a_certificate_for_another_name_is_refused(tmp_path, monkeypatch):
    pem = certificate(tmp_path, "other.example.com")
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))

    with (
        serving_tls(pem) as service,
        pytest.raises(FatalDeliveryError, match="could not be verified"),
    ):
        get(f"https://crm.example.com:{service.port}", resolve=leads_to("127.0.0.1"))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_not_asked_by_way_of_a_proxy(service, monkeypatch, host):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")

    assert get(f"http://{host}:{service.port}") == 200


def test_a_proxy_is_asked_for_other_machines(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")

    with pytest.raises(RetryableDeliveryError, match="ConnectError") as caught:
        get("https://crm.example.com", resolve=leads_to("93.184.216.34"))

    assert not caught.value.is_in_doubt


def test_a_proxy_is_not_asked_for_what_is_known_to_lead_inside(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")

    with pytest.raises(FatalDeliveryError, match="leads to a private network"):
        get(
            "https://crm.example.com",
            allow_private_addresses=False,
            resolve=leads_to("10.0.0.7"),
        )
