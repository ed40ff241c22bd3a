"""URLs: parses a URL and checks that it may be fetched, before anything is looked up. Pure."""

import ipaddress
import re
from typing import TYPE_CHECKING

import msgspec

from agent.tools.web.settings import WebSettings
from agent.util.addresses import Address, address_refusal
from agent.util.errors import ToolError

if TYPE_CHECKING:
    import httpx

URL_CHARS_MAX = 4_096
PORTS = {"http": 80, "https": 443}
# WHATWG URL, "ends in a number": such a host is an IPv4 address to some parsers, in one of many spellings.
_NUMBER = re.compile(r"\d+|0[xX][0-9a-fA-F]*")
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_BAD = re.compile(r"[\x00-\x20\x7f\\]")


class FetchError(ToolError):
    """A URL may not be fetched, or the fetch failed. The message says why, for the model."""


class Target(msgspec.Struct, frozen=True):
    """A URL that may be fetched. `host`: its name or address in lower case, without brackets."""

    url: str
    scheme: str
    host: str
    port: int

    @property
    def origin_host(self) -> str:
        """The host, with the port if it is not the scheme's own: what an approval for the session allows."""
        if self.port == PORTS[self.scheme]:
            return self.host
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_url(text: str, settings: WebSettings, base: str = "") -> Target:
    """The target of a URL; a relative one is resolved against `base`. Raises `FetchError` if it may not be fetched."""
    import httpx  # imported here: it would add a tenth of a second to every start

    if len(text) > URL_CHARS_MAX:
        raise FetchError(f"the URL is longer than {URL_CHARS_MAX} characters")
    if _BAD.search(text):
        raise FetchError("the URL holds a space, a backslash or a control character; write them as %20 and so on")
    try:
        url = httpx.URL(base).join(text) if base else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise FetchError(f"this is no URL: {error}") from None
    _check_form(url)
    host = url.raw_host.decode("ascii").lower().rstrip(".")
    _check_host(host, settings)
    port = PORTS[url.scheme] if url.port is None else url.port
    if not 0 < port < 65_536:
        raise FetchError(f"{port} is no port")
    return Target(str(url.copy_with(fragment=None)), url.scheme, host, port)


def _check_form(url: "httpx.URL") -> None:
    if url.scheme not in PORTS:
        raise FetchError(f"only http and https can be fetched, not {url.scheme or 'a URL without a scheme'}")
    if url.userinfo:
        raise FetchError("the URL holds a user name or a password; nothing is fetched with credentials")
    if not url.host:
        raise FetchError("the URL names no host")


def _check_host(host: str, settings: WebSettings) -> None:
    address = as_address(host)
    if address is not None:
        refused = address_refusal(address, allow_private=settings.allow_private_networks)
        if refused is not None:
            raise FetchError(f"{host} is {refused}; it cannot be fetched from")
    elif _NUMBER.fullmatch(host.rpartition(".")[2]):
        raise FetchError(f"{host} is an address in an odd spelling; write it as four numbers from 0 to 255")
    elif not _NAME.fullmatch(host):
        raise FetchError("the URL's host is no name of a host")
    elif not settings.allow_private_networks and in_domain(host, "localhost"):
        raise FetchError(f"{host} is this machine; it cannot be fetched from")
    if any(in_domain(host, entry) for entry in settings.denied_hosts):
        raise FetchError(f"this server does not let {host} be fetched from (web.denied_hosts)")
    if settings.allowed_hosts and not any(in_domain(host, entry) for entry in settings.allowed_hosts):
        raise FetchError(f"this server lets only some hosts be fetched from, not {host} (web.allowed_hosts)")


def as_address(host: str) -> Address | None:
    """The host as an IP address in the standard spelling; None if it is a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def in_domain(host: str, entry: str) -> bool:
    """Whether `host` is the entry's domain or a subdomain of it."""
    entry = entry.lower().strip(".").removeprefix("*.")
    return host == entry or host.endswith("." + entry)
