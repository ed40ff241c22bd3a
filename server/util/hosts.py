"""Hosts: parsing of Host and Origin headers, addresses and networks, each into one spelling. Pure."""

import ipaddress
import re
from collections.abc import Sequence
from functools import lru_cache

import msgspec

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
DEFAULT_PORTS = {"http": 80, "https": 443}
MAX_AUTHORITY_CHARS = 300

_AUTHORITY = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?\.?)(?::(?P<port>[0-9]{1,5}))?")

_PORT = re.compile(r"[0-9]{1,5}")
_IPV6_CHARS = re.compile(r"[0-9A-Fa-f:.]+")
IPV6_CHARS_MAX = 45


class Authority(msgspec.Struct, frozen=True):
    """A host and, if it was given, a port. `host` is in lower case, without a trailing dot; IPv6 is without brackets."""

    host: str
    port: int | None

    @property
    def loopback(self) -> bool:
        """Whether it names this machine: `localhost`, 127.0.0.0/8 or ::1."""
        return self.host == "localhost" or is_loopback(self.host)

    def __str__(self) -> str:
        """As a Host header has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"


class Origin(msgspec.Struct, frozen=True):
    """The origin of a page (RFC 6454). The port is always set."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as a browser writes them in the Host header: without the default port of the scheme."""
        return str(Authority(self.host, None if self.port == DEFAULT_PORTS.get(self.scheme) else self.port))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


@lru_cache(maxsize=1_024)  # each request asks, of the same few addresses
def is_loopback(address: str) -> bool:
    """Whether `address` is a loopback IP address. False for a name."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return (mapped or ip).is_loopback


def parse_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An IP address, a mapped one as IPv4; None for anything else."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def parse_network(text: str) -> Network | None:
    """`10.0.0.7`, `10.0.0.0/8` or `fd00::/8`; None for anything else."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        return None


def trusted(address: str, proxies: Sequence[Network]) -> bool:
    """Whether the IP address is in one of the networks of trusted proxies; False for anything that is no address."""
    ip = parse_address(address) if proxies else None
    return ip is not None and any(ip in network for network in proxies)


def parse_authority(text: str) -> Authority | None:
    """`name`, `name:port`, `1.2.3.4:port` or `[::1]:port`; None for anything else."""
    if len(text) > MAX_AUTHORITY_CHARS:
        return None
    match = _AUTHORITY.fullmatch(text.lower())
    if match is None:
        return None
    name, port = match["name"], match["port"]
    if port is not None and not 0 < int(port) <= 65_535:
        return None
    if name.startswith("["):
        try:
            host = ipaddress.IPv6Address(name[1:-1]).compressed
        except ValueError:
            return None
    else:
        host = name.removesuffix(".")
    return Authority(host, int(port) if port is not None else None)


def host_readings(text: str) -> list[Authority]:
    """What a Host header may mean: as `parse_authority`, or an IPv6 address that a program wrote without brackets.

    `::1:7860` is then read as `::1` and a port, and as one address: nobody can tell them apart. Browsers write brackets.
    """
    authority = parse_authority(text)
    if authority is not None:
        return [authority]
    name, _, port = text.rpartition(":")
    found = [(name, int(port))] if _PORT.fullmatch(port) and 0 < int(port) <= 65_535 else []
    readings = [(_ipv6(address), number) for address, number in [*found, (text, None)]]
    return [Authority(address, number) for address, number in readings if address is not None]


def _ipv6(text: str) -> str | None:
    """An IPv6 address without brackets and zone, in its usual form; None for anything else."""
    if len(text) > IPV6_CHARS_MAX or not _IPV6_CHARS.fullmatch(text):
        return None
    try:
        return ipaddress.IPv6Address(text).compressed
    except ValueError:
        return None


def parse_origin(text: str) -> Origin | None:
    """`http://authority` or `https://authority`; None for anything else, `null` too."""
    scheme, separator, rest = text.partition("://")
    scheme = scheme.lower()
    authority = parse_authority(rest)
    if not separator or scheme not in DEFAULT_PORTS or authority is None:
        return None
    return Origin(scheme, authority.host, authority.port or DEFAULT_PORTS[scheme])
