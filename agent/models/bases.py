"""Bases: the addresses that the operator configured for models, and the check of all others. Pure."""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

import msgspec

from agent.models.catalog import LOCAL_SERVERS, Catalog
from agent.models.settings import ModelSettings
from agent.util.addresses import address_refusal

_PORTS: Final = {"http": 80, "https": 443}
_VARIABLES: Final = ("API_BASE", "BASE_URL", "API_URL", "ENDPOINT", "ENDPOINT_URL")
"""Ends of the names of environment variables in which providers' addresses are set, such as `AZURE_API_BASE`."""
_PROXIES: Final = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
_PARAMETERS: Final = ("api_base", "base_url", "azure_endpoint", "aws_bedrock_runtime_endpoint")

LOCAL_DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    **{prefix: (server.api_base,) for prefix, server in LOCAL_SERVERS.items()},
    "docker_model_runner": ("http://localhost:22088",),
    "langflow": ("http://localhost:7860",),
    "langgraph": ("http://localhost:2024",),
    "lemonade": ("http://localhost:8000",),
    "llamafile": ("http://127.0.0.1:8080",),
}
"""By provider: where its server is looked for on this machine if no address is set."""


class AddressRefused(OSError):
    """A request of a model call to an address that no operator configured and that is not on the public internet."""


refusals: Final[ContextVar[list[AddressRefused] | None]] = ContextVar("refusals", default=None)
"""What was refused in the model call under way: LiteLLM makes other errors of some exceptions, without their cause."""


def refusal(why: str) -> AddressRefused:
    """The exception, which is noted for the model call under way."""
    error = AddressRefused(why)
    noted = refusals.get()
    if noted is not None:
        noted.append(error)
    return error


class Base(msgspec.Struct, frozen=True):
    """The host, in lower case, and the port of an address."""

    host: str
    port: int


def base_of(url: str) -> Base | None:
    """The base of an http or https URL; None for anything else."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (
        Base(parts.hostname.lower().rstrip("."), port) if parts.hostname and port and parts.scheme in _PORTS else None
    )


def operator_bases(
    settings: ModelSettings, catalog: Catalog, environ: Mapping[str, str], names: Iterable[str], *, all_local: bool
) -> frozenset[Base]:
    """The bases that the settings, the catalog and the environment name.

    `names`: the models that the operator chose; the usual address of a local server is among the bases if one of them is
    of it, or with `all_local`.
    """
    urls = [settings.api_base]
    urls += [str(parameters[key]) for parameters in settings.extra.values() for key in _PARAMETERS if key in parameters]
    urls += [value for name, value in environ.items() if _names_address(name.upper())]
    prefixes = {name.partition("/")[0] for name in (*names, *catalog.names)}
    urls += [url for prefix, own in LOCAL_DEFAULTS.items() if all_local or prefix in prefixes for url in own]
    urls += [catalog.entry(name).api_base for name in catalog.names]
    return frozenset(base for url in urls if (base := base_of(url)) is not None)


def _names_address(variable: str) -> bool:
    return variable in _PROXIES or f"_{variable}".endswith(tuple(f"_{end}" for end in _VARIABLES))


def is_near(host: str) -> bool:
    """Whether a host is this machine, or named as one of its network: without a domain, or by a private address."""
    try:
        return not ipaddress.ip_address(host.strip("[]")).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".localhost", ".internal", ".lan"))


class AddressGuard:
    """What the requests of models may reach: the public internet, and the bases of the operators that are allowed."""

    def __init__(self) -> None:
        self._bases: Counter[Base] = Counter()

    def allow(self, bases: frozenset[Base]) -> None:
        """Allow these bases, until `forget`."""
        self._bases.update(bases)

    def forget(self, bases: frozenset[Base]) -> None:
        """Undo one `allow` of these bases."""
        self._bases -= Counter(bases)

    def is_configured(self, host: str, port: int) -> bool:
        """Whether an operator configured this base."""
        return Base(host.lower().strip("[]").rstrip("."), port) in self._bases

    def check(self, host: str, port: int, addresses: Iterable[str]) -> None:
        """Raise AddressRefused if one of the addresses of this host may not be reached."""
        if self.is_configured(host, port):
            return
        for text in addresses:
            refused = address_refusal(ipaddress.ip_address(text), allow_private=False)
            if refused is not None:
                raise refusal(f"{host} leads to {refused}")

    def check_literal(self, host: str, port: int) -> None:
        """Raise AddressRefused for a host that is an IP address and may not be reached. A name is not looked up."""
        try:
            ipaddress.ip_address(host.strip("[]"))
        except ValueError:
            return
        self.check(host, port, [host.strip("[]")])


def leads_elsewhere(url: str, location: str) -> bool:
    """Whether a redirect from `url` to `location` leaves its host or port. From http to https of the same host it does not."""
    if "://" not in location and not location.strip().startswith(("//", "\\")):
        return False
    target = location.strip() if "://" in location else "https:" + location.strip()
    here, there = base_of(url), base_of(target)
    if here is None or there is None or here.host != there.host:
        return True
    return here.port != there.port and (here.port, there.port) != (80, 443)
