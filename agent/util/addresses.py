"""Public addresses: decides whether an IP address may be reached, by IANA's and the clouds' special ranges. Pure.

https://www.iana.org/assignments/iana-ipv4-special-registry, .../iana-ipv6-special-registry. `ipaddress.is_global` is not used:
its result differs between versions of Python.
"""

import ipaddress
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


PRIVATE: Final = _networks(
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "127.0.0.0/8",
    "100.64.0.0/10",  # shared by carriers (CGNAT); some clouds keep metadata there
    "::1/128",
    "fc00::/7",
    "fec0::/10",
)
"""Private networks: reached only with `web.allow_private_networks`."""
METADATA: Final = _networks(
    "168.63.129.16/32",  # Azure; the metadata addresses of the others are link-local, or among those below
    "100.100.100.200/32",  # Alibaba
    "fd00:ec2::/32",  # Amazon
    "fd20:ce::254/128",  # Google
)
SPECIAL: Final = _networks(
    "0.0.0.0/8",
    "169.254.0.0/16",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.88.99.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
)
"""Special-purpose networks, never reached: no public page is there."""
UNICAST6: Final = ipaddress.IPv6Network("2000::/3")
"""The part of IPv6 that is assigned; `SPECIAL6` lists the networks in it that are not public."""
SPECIAL6: Final = _networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")


def address_refusal(address: Address, *, allow_private: bool) -> str | None:
    """Why this address may not be reached, in a few words; None if it may.

    An IPv6 address that contains an IPv4 address (mapped, NAT64) is checked as that one. 6to4, Teredo and other tunnels are
    always refused.
    """
    inner = _embedded_ipv4(address)
    if inner is not None:
        return address_refusal(inner, allow_private=allow_private)
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return "an address of one link"
    if _in(address, METADATA):
        return "an address of a cloud's metadata"
    if _in(address, PRIVATE):
        return None if allow_private else "a private address"
    if _in(address, SPECIAL):
        return "a special address, not one of the public internet"
    if address.version == 6 and (address not in UNICAST6 or _in(address, SPECIAL6)):
        return "a special address, not one of the public internet"
    return None


def _embedded_ipv4(address: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a mapped or NAT64 address contains; None if there is none."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped


def _in(address: Address, networks: tuple[Network, ...]) -> bool:
    return any(address.version == network.version and address in network for network in networks)
