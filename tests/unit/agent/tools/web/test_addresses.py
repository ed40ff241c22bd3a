"""Addresses for `web_fetch`: which are public, and which URLs are refused before a name is looked up."""

import ipaddress

import pytest

from agent.tools.web.settings import WebSettings
from agent.tools.web.urls import FetchError, parse_url
from agent.util.addresses import address_refusal

PRIVATE = (
    "10.1.2.3",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "127.0.0.1",
    "127.8.8.8",
    "100.64.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::10.0.0.1",
)
SPECIAL = (
    "0.0.0.0",
    "0.1.2.3",
    "169.254.169.254",
    "169.254.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "168.63.129.16",
    "100.100.100.200",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "fd00:ec2::254",
    "2001:db8::1",
    "2001::1",  # Teredo
    "2002:7f00:1::",  # 6to4 of 127.0.0.1
    "2002:5db8:d822::1",  # 6to4 of a public address
    "64:ff9b:1::1",
    "64:ff9b::a9fe:a9fe",
    "::ffff:169.254.169.254",
    "::7f00:1",  # IPv4-compatible
    "3fff::1",
    "100::1",
    "4000::1",
)
PUBLIC = (
    "93.184.216.34",
    "1.1.1.1",
    "100.128.0.1",
    "172.32.0.1",
    "2606:2800:220:1::1",
    "64:ff9b::5db8:d822",
    "::ffff:1.1.1.1",
)


@pytest.mark.parametrize("text", PRIVATE)
def test_private_addresses_are_reached_only_if_the_settings_allow_it(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert address_refusal(address, allow_private=False) is not None
    assert address_refusal(address, allow_private=True) is None


@pytest.mark.parametrize("text", SPECIAL)
def test_metadata_and_special_addresses_are_never_reached(text: str) -> None:
    address = ipaddress.ip_address(text)
    assert address_refusal(address, allow_private=False) is not None
    assert address_refusal(address, allow_private=True) is not None


@pytest.mark.parametrize("text", PUBLIC)
def test_public_addresses_are_reached(text: str) -> None:
    assert address_refusal(ipaddress.ip_address(text), allow_private=False) is None


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("ftp://example.com/a", "only http and https"),
        ("file:///etc/passwd", "only http and https"),
        ("javascript:alert(1)", "only http and https"),
        ("gopher://example.com", "only http and https"),
        ("example.com/a", "without a scheme"),
        ("//example.com/a", "without a scheme"),
        ("http://ada:secret@example.com/", "user name or a password"),
        ("http://ada@example.com/", "user name or a password"),
        ("http://example.com@127.0.0.1/", "user name or a password"),
        ("http:///nowhere", "no host"),
        ("http://localhost/", "this machine"),
        ("http://LOCALHOST./", "this machine"),
        ("http://a.localhost:80/", "this machine"),
        ("http://127.0.0.1/", "private address"),
        ("http://127.0.0.1./", "private address"),
        ("http://[::1]/", "private address"),
        ("http://[::ffff:7f00:1]/", "private address"),
        ("http://[64:ff9b::127.0.0.1]/", "private address"),
        ("http://[2002:7f00:1::]/", "special address"),
        ("http://[fe80::1%25eth0]/", "cannot be fetched from"),
        ("http://169.254.169.254/latest/meta-data/", "special address"),
        ("http://0.0.0.0/", "special address"),
        ("http://2130706433/", "odd spelling"),
        ("http://0x7f000001/", "odd spelling"),
        ("http://0x7f.1/", "odd spelling"),
        ("http://0177.0.0.1/", "no URL"),
        ("http://127.1/", "odd spelling"),
        ("http://127.0.0.01/", "no URL"),
        ("http://1.2.3.4.5/", "odd spelling"),
        ("http://134744072/", "odd spelling"),
        ("http://１２７.0.0.1/", "no URL"),
        ("http://exa%6dple.com/", "no name of a host"),
        ("http://a..b/", "no name of a host"),
        ("http://exa mple.com/", "space"),
        ("http://example.com\\@127.0.0.1/", "backslash"),
        ("http://example.com/\r\nX: y", "control character"),
        ("http://example.com:0/", "no port"),
        ("http://example.com:99999/", "no port"),
        ("http://[::1", "no URL"),
        ("http://example.com/" + "a" * 5_000, "longer than"),
    ],
)
def test_a_forbidden_host_is_refused_before_any_lookup(url: str, why: str) -> None:
    with pytest.raises(FetchError, match=why):
        parse_url(url, WebSettings())


def test_a_url_is_requested_as_written_without_its_fragment() -> None:
    target = parse_url("HTTPS://Müller.Example:8443/ä?q=ö#there", WebSettings())
    assert target.url == "https://xn--mller-kva.example:8443/%C3%A4?q=%C3%B6"
    assert (target.scheme, target.host, target.port) == ("https", "xn--mller-kva.example", 8443)


def test_hosts_are_denied_and_allowed_with_all_names_below_them() -> None:
    settings = WebSettings(allowed_hosts=["Example.com", "*.python.org"], denied_hosts=["bad.example.com"])
    for url in ("https://example.com/", "https://www.example.com/", "https://docs.python.org/"):
        parse_url(url, settings)
    for url in (
        "https://notexample.com/",
        "https://example.com.evil.test/",
        "https://bad.example.com/",
        "https://x.bad.example.com/",
    ):
        with pytest.raises(FetchError, match=r"web\.(allowed|denied)_hosts"):
            parse_url(url, settings)


def test_private_hosts_can_be_approved_if_the_settings_allow_it() -> None:
    settings = WebSettings(allow_private_networks=True)
    assert parse_url("http://localhost:8080/", settings).port == 8080
    assert parse_url("http://[::1]/", settings).host == "::1"
    with pytest.raises(FetchError):
        parse_url("http://169.254.169.254/", settings)
