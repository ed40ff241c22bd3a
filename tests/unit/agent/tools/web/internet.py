"""Small internet on loopback: names that a test resolver answers, public addresses that lead to servers of the test."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agent.tools.web import WebClient, WebSettings
from agent.tools.web import network as web_network
from agent.tools.web.urls import FetchError, parse_url
from agent.util.executors import Executors
from agent.util.places import SERVER
from tests.support.constants import built_in

PUBLIC = "93.184.216.34"
HOST = "site.example"
Answer = bytes | Callable[["Visit"], Awaitable[None]]


class Visit:
    """One request that came. `gone` is set when the client has closed the connection."""

    def __init__(self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first, *lines = head.split("\r\n")
        self.method, self.path, _ = first.split(" ")
        self.headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        self.reader = reader
        self.writer = writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until_gone(self) -> None:
        with contextlib.suppress(ConnectionError):
            while await self.reader.read(65_536):
                pass


class Site:
    """Answers each path with bytes, or by a function. `visits` are the requests so far."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.visits: list[Visit] = []
        self.came = asyncio.Event()
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n")
            visit = Visit(head, reader, writer)
            self.visits.append(visit)
            self.came.set()
            answer = self.answers.get(visit.path, ok(b"no such page", status="404 Not Found"))
            if isinstance(answer, bytes):
                await visit.send(answer)
            else:
                await answer(visit)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def ok(body: bytes, kind: str = "text/plain", *headers: str, status: str = "200 OK") -> bytes:
    lines = [
        f"HTTP/1.1 {status}",
        f"Content-Length: {len(body)}",
        *([f"Content-Type: {kind}"] if kind else []),
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def redirect(to: str, status: str = "302 Found") -> bytes:
    return ok(b"", "", f"Location: {to}", status=status)


class Internet:
    """Its network access is given to what is tested. `names`: what each lookup of a host answers, the last one again and again."""

    def __init__(self) -> None:
        self.names: dict[str, list[list[str]]] = {}
        self.servers: dict[tuple[str, int], int] = {}
        self.looked_up: list[str] = []
        self.dialled: list[tuple[str, int]] = []
        self.tls: Callable[[], ssl.SSLContext] = ssl.create_default_context

    @property
    def network(self) -> web_network.NetworkAccess:
        return web_network.NetworkAccess(self.resolve, self.dial, self.tls)

    def name(self, host: str, *answers: list[str]) -> None:
        self.names[host] = list(answers)

    async def resolve(self, host: str, port: int) -> list[str]:
        self.looked_up.append(host)
        answers = self.names.get(host)
        if answers is None:
            raise socket.gaierror(socket.EAI_NONAME, "no such host")
        return answers.pop(0) if len(answers) > 1 else answers[0]

    async def dial(self, address: str, port: int, timeout_s: float | None) -> httpcore.AsyncNetworkStream:
        self.dialled.append((address, port))
        if (address, port) not in self.servers:
            raise httpcore.ConnectError("nobody listens")
        return await web_network.dial("127.0.0.1", self.servers[address, port], timeout_s)


@contextlib.asynccontextmanager
async def site(
    internet: Internet, address: str = PUBLIC, port: int = 80, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Site]:
    """A server that this address and port lead to."""
    here = Site()
    server = await asyncio.start_server(here.serve, "127.0.0.1", 0, ssl=tls)
    here.port = server.sockets[0].getsockname()[1]
    internet.servers[address, port] = here.port
    try:
        yield here
    finally:
        server.close()


class Authority:
    """Who signs certificates in a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "the test's authority")])
        self.certificate = self._sign(self._name, self._key, ca=True)

    def trusting(self) -> ssl.SSLContext:
        """A client's context that believes this authority alone."""
        pem = self.certificate.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    def server(self, *names: str) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._sign(x509.Name([]), key, names=names)
        path = self._folder / f"{names[0]}.pem"
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        return context

    def _sign(
        self, name: x509.Name, key: ec.EllipticCurvePrivateKey, *, ca: bool = False, names: tuple[str, ...] = ()
    ) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        )
        if names:
            made = made.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=not ca)
        return made.sign(self._key, hashes.SHA256())


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


async def get(internet: Internet, url: str, *, save: bool = False, **settings: Any) -> Any:
    bounds = WebSettings(**built_in("web", settings))
    return await WebClient(bounds, Executors(), internet.network).fetch(parse_url(url, bounds), SERVER, save=save)


async def refused(internet: Internet, url: str, why: str, **settings: Any) -> None:
    with pytest.raises(FetchError, match=why):
        await get(internet, url, **settings)
