"""Which addresses lead out into the world, and which ones lead inside."""

import pytest

from reverse_etl.addresses import (
    AddressKind,
    AddressRefusedError,
    checked_addresses,
    is_this_machine,
    kind_of,
)


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("93.184.216.34", AddressKind.PUBLIC),
        ("2606:2800:220:1:248:1893:25c8:1946", AddressKind.PUBLIC),
        ("127.0.0.1", AddressKind.LOOPBACK),
        ("127.9.9.9", AddressKind.LOOPBACK),
        ("::1", AddressKind.LOOPBACK),
        ("10.0.0.1", AddressKind.PRIVATE),
        ("172.16.0.1", AddressKind.PRIVATE),
        ("192.168.1.1", AddressKind.PRIVATE),
        ("100.64.0.1", AddressKind.PRIVATE),
        ("fd12:3456::1", AddressKind.PRIVATE),
        ("169.254.169.254", AddressKind.FORBIDDEN),
        ("169.254.1.1", AddressKind.FORBIDDEN),
        ("fe80::1", AddressKind.FORBIDDEN),
        ("fe80::1%eth0", AddressKind.FORBIDDEN),
        ("168.63.129.16", AddressKind.FORBIDDEN),
        ("100.100.100.200", AddressKind.FORBIDDEN),
        ("fd00:ec2::254", AddressKind.FORBIDDEN),
        ("0.0.0.0", AddressKind.FORBIDDEN),
        ("::", AddressKind.FORBIDDEN),
        ("224.0.0.1", AddressKind.FORBIDDEN),
        ("255.255.255.255", AddressKind.FORBIDDEN),
    ],
)
def test_an_address_is_known_for_what_it_leads_to(address, kind):
    assert kind_of(address) is kind


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("::ffff:127.0.0.1", AddressKind.LOOPBACK),
        ("::ffff:169.254.169.254", AddressKind.FORBIDDEN),
        ("::ffff:10.1.2.3", AddressKind.PRIVATE),
        ("64:ff9b::a01:203", AddressKind.PRIVATE),
        ("64:ff9b::a9fe:a9fe", AddressKind.FORBIDDEN),
        ("64:ff9b::5db8:d822", AddressKind.PUBLIC),
        ("2002:7f00:1::", AddressKind.LOOPBACK),
        ("2002:a9fe:a9fe::", AddressKind.FORBIDDEN),
    ],
)
def test_an_address_inside_another_one_counts_for_itself(address, kind):
    assert kind_of(address) is kind


@pytest.mark.parametrize(
    ("host", "is_here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("localhost.example.com", False),
    ],
)
def test_this_machine_is_known_by_its_names(host, is_here):
    assert is_this_machine(host) is is_here


def test_every_address_of_a_host_must_be_allowed():
    def resolve(host, port):
        return ["93.184.216.34", "10.1.2.3"]

    with pytest.raises(
        AddressRefusedError, match=r"db\.example\.com leads to a private"
    ):
        checked_addresses("db.example.com", 5432, allow_private=False, resolve=resolve)


def test_the_addresses_of_a_host_are_what_may_be_connected_to():
    def resolve(host, port):
        return ["10.1.2.3", "10.1.2.4"]

    found = checked_addresses(
        "db.example.com", 5432, allow_private=True, resolve=resolve
    )

    assert found == ("10.1.2.3", "10.1.2.4")


def test_a_service_that_tells_a_cloud_machine_its_secrets_is_never_allowed():
    with pytest.raises(AddressRefusedError, match="never asked"):
        checked_addresses(
            "x", 80, allow_private=True, resolve=lambda host, port: ["169.254.169.254"]
        )


@pytest.mark.parametrize("host", ["nowhere.example.com", "\udcff"])
def test_a_name_without_an_address_is_an_error_of_the_network(host):
    def resolve(host, port):
        host.encode()
        return []

    with pytest.raises(OSError, match="the name"):
        checked_addresses(host, 22, allow_private=False, resolve=resolve)
