"""Where URLs that strangers choose may lead."""

from __future__ import annotations

import pytest

from services.delivery.senders.destination import Destinations, Origin, is_public

RULE = Destinations(frozenset({"127.0.0.1:8090", "sandbox:8090"}))


def test_an_https_url_is_taken_apart() -> None:
    origin, target = RULE.read("https://Push.Example.net/send/abc?x=1")

    assert (origin, target) == (Origin("https", "push.example.net", 443), "/send/abc?x=1")
    assert (str(origin), origin.authority) == ("https://push.example.net", "push.example.net")


def test_a_port_of_its_own_and_an_ipv6_address_stay_in_the_authority() -> None:
    origin, target = RULE.read("https://[2606:4700::1111]:8443")

    assert (origin.host, origin.authority, target) == ("2606:4700::1111", "[2606:4700::1111]:8443", "/")


def test_http_is_for_listed_hosts_only() -> None:
    assert RULE.read("http://sandbox:8090/push/x")[0] == Origin("http", "sandbox", 8090)
    with pytest.raises(ValueError, match="https"):
        RULE.read("http://sandbox:8091/push/x")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "push.example.net/x",
        "ftp://push.example.net/x",
        "https://",
        "https:///x",
        "https://user@push.example.net/x",
        "https://user:secret@push.example.net/x",
        "https://push.example.net/x y",
        "https://push.example.net/x\r\nX-Evil: 1",
        "https://push.example.net/x\n",
        "https://push.example.net\\@evil.example/x",
        "https://push.example.net/#fragment",
        "https://push.example.net?x=1",
        "https://push.example.net:99999/x",
        "https://push.example.net:0/x",
        "https://push.example.net/é",
        "https://пуш.example/x",
        "https://push.example.net/" + "x" * 3_000,
    ],
)
def test_what_is_no_plain_absolute_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        RULE.read(url)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.1.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ],
)
def test_everything_else_is_not_whatever_form_it_takes(address: str) -> None:
    assert not is_public(address)


def test_a_listed_host_may_be_private_and_only_on_its_port() -> None:
    assert RULE.allows(Origin("http", "127.0.0.1", 8090), "127.0.0.1")
    assert not RULE.allows(Origin("https", "127.0.0.1", 443), "127.0.0.1")
