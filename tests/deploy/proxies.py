"""Proxies: the files in deploy/, run with ports and a certificate of the test's own, one class for each proxy."""

import asyncio
import os
import re
import shutil
import signal
import ssl
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from tests.support.network.ports import free_port
from tests.support.paths import ROOT
from tests.support.polling import until_done

WAIT_S = 20.0
NAME = "localhost"


def certificate(folder: Path) -> Path:
    """A certificate and its key in one file, and the key alone beside it (`.key`)."""
    key, cert = folder / "cert.key", folder / "cert.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"),
            *("-keyout", key, "-out", cert, "-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    cert.write_text(cert.read_text() + key.read_text())
    return cert


class Proxy:
    """A proxy in front of a server at `upstream`, at https://localhost:`port`. It keeps all of its files in `folder`.

    `file`: of deploy/. `says`: what of it is another thing in the test, as regular expressions. `keeps_sockets`: what
    becomes of open sockets at a reload. `sockets_on_http2`: whether it takes websockets on HTTP/2 (RFC 8441).
    """

    program: ClassVar[str]
    file: ClassVar[str]
    keeps_sockets: ClassVar[bool] = True
    sockets_on_http2: ClassVar[bool] = False

    def __init__(self, folder: Path, upstream: int, cert: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.origin = f"https://{NAME}:{self.port}"
        self.upstream = upstream
        self.cert = cert
        self.trust = ssl.create_default_context(cafile=cert)
        self.config = folder / "proxy.conf"
        self._process: asyncio.subprocess.Process | None = None

    @classmethod
    def missing(cls) -> str:
        """Why it cannot be run here, or empty."""
        absent = [name for name in (cls.program, "openssl") if shutil.which(name) is None]
        return f"{' and '.join(absent)} is not installed" if absent else ""

    def changes(self) -> Mapping[str, str]:
        """What of the file is another thing here, each once."""
        return {
            r":443\b": f"127.0.0.1:{self.port}",
            r"127\.0\.0\.1:7860": f"127.0.0.1:{self.upstream}",
            r"/etc/ssl/holdfast\.example\.pem": str(self.cert),
            r"/etc/ssl/holdfast\.example\.key": str(self.cert.with_suffix(".key")),
        }

    def around(self, text: str) -> str:
        """The whole configuration, of which the file is a part."""
        return text

    def command(self) -> list[str]:
        """What runs it in the foreground."""
        raise NotImplementedError

    async def start(self) -> None:
        """Write the configuration, run it, and wait until it listens."""
        text = (ROOT / "deploy" / self.file).read_text()
        for found, put in self.changes().items():
            text, count = re.subn(found, lambda _, put=put: put, text)  # type: ignore[misc]  # bound at once
            assert count == 1, f"{self.file} has {found} {count} times"
        self.config.write_text(self.around(text))
        environ = {**os.environ, "HOME": str(self.folder), "XDG_DATA_HOME": str(self.folder)}
        with (self.folder / "stderr").open("w") as stderr:
            self._process = await asyncio.create_subprocess_exec(
                *self.command(), env=environ, stdout=asyncio.subprocess.DEVNULL, stderr=stderr
            )
        await self.listens()

    async def listens(self) -> None:
        """Wait until it accepts connections."""

        async def accepts() -> None:
            assert self._process is not None and self._process.returncode is None, self.printed()
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.close()

        await until_done(accepts, OSError, patience_s=WAIT_S)

    def printed(self) -> str:
        """What it wrote on its standard error."""
        return (self.folder / "stderr").read_text()

    async def reload(self) -> None:
        """Have it read its configuration again, as its own command does."""
        self.signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def stop(self) -> None:
        """End it, with its open connections."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), WAIT_S)
            except TimeoutError:
                process.kill()
                await process.wait()


class Nginx(Proxy):
    """nginx."""

    program, file = "nginx", "nginx/holdfast.conf"

    def changes(self) -> Mapping[str, str]:
        listen = {r"listen 443 ssl": f"listen 127.0.0.1:{self.port} ssl"}
        return {**{found: put for found, put in super().changes().items() if "443" not in found}, **listen}

    def around(self, text: str) -> str:
        folders = "".join(
            f"{kind}_temp_path {self.folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        return (
            f"daemon off; pid {self.folder}/pid; error_log stderr; worker_processes 1; events {{ worker_connections 256; }}\n"
            f"http {{ access_log off; {folders}\n{text}\n}}\n"
        )

    def command(self) -> list[str]:
        return ["nginx", "-p", str(self.folder), "-c", str(self.config)]


class Haproxy(Proxy):
    """HAProxy, as a master with a worker, as Debian's unit runs it."""

    program, file, sockets_on_http2 = "haproxy", "haproxy/holdfast.cfg", True

    def changes(self) -> Mapping[str, str]:
        return {found: put for found, put in super().changes().items() if "key" not in found}

    def command(self) -> list[str]:
        return ["haproxy", "-W", "-q", "-f", str(self.config)]

    async def reload(self) -> None:
        self.signal(signal.SIGUSR2)


class Caddy(Proxy):
    """Caddy. Debian's is older than what the file has for reloads."""

    program, file = "caddy", "caddy/Caddyfile"

    def changes(self) -> Mapping[str, str]:
        self.admin = free_port()
        known = subprocess.run(["caddy", "version"], capture_output=True, text=True, check=True).stdout
        version = tuple(map(int, re.findall(r"\d+", known)[:2]))
        self.keeps_sockets = version >= (2, 7)  # type: ignore[misc]  # of the program that is here
        site = f"https://{NAME}:{self.port} {{\n\ttls {self.cert} {self.cert.with_suffix('.key')}\n\tbind 127.0.0.1"
        older = {} if self.keeps_sockets else {r"\t\tstream_close_delay 5m\n": ""}
        return {r"127\.0\.0\.1:7860": f"127.0.0.1:{self.upstream}", r"(?m)^holdfast\.example \{": site, **older}

    def around(self, text: str) -> str:
        return f"{{\n\tadmin 127.0.0.1:{self.admin}\n\tauto_https disable_redirects\n\tskip_install_trust\n}}\n{text}"

    def command(self) -> list[str]:
        return ["caddy", "run", "--config", str(self.config), "--adapter", "caddyfile"]

    async def reload(self) -> None:
        process = await asyncio.create_subprocess_exec(
            "caddy", "reload", "--config", str(self.config), "--adapter", "caddyfile", "--address", f"127.0.0.1:{self.admin}",
            "--force", env={**os.environ, "HOME": str(self.folder)}, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert await asyncio.wait_for(process.wait(), WAIT_S) == 0


class Apache(Proxy):
    """Apache."""

    program, file = "apache2", "apache/holdfast.conf"
    modules = ("mpm_event", "authz_core", "ssl", "socache_shmcb", "headers", "http2", "proxy", "proxy_http")

    def changes(self) -> Mapping[str, str]:
        given = {found: put for found, put in super().changes().items() if "443" not in found}
        return {**given, r"\*:443": f"127.0.0.1:{self.port}", r"ServerName holdfast\.example": f"ServerName {NAME}"}

    def around(self, text: str) -> str:
        load = "".join(f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n" for name in self.modules)
        return (
            f"{load}ServerRoot {self.folder}\nServerName {NAME}\nPidFile {self.folder}/pid\nDefaultRuntimeDir {self.folder}\n"
            f"ErrorLog {self.folder}/error.log\nListen 127.0.0.1:{self.port}\nUser www-data\nGroup www-data\n{text}"
        )

    def command(self) -> list[str]:
        return ["apache2", "-DFOREGROUND", "-f", str(self.config)]

    async def reload(self) -> None:
        self.signal(signal.SIGUSR1)


class Lighttpd(Proxy):
    """lighttpd. At a reload its open connections have some seconds to end; here one."""

    program, file, keeps_sockets, sockets_on_http2 = "lighttpd", "lighttpd/holdfast.conf", False, True

    @classmethod
    def missing(cls) -> str:
        module = Path("/usr/lib/lighttpd/mod_openssl.so")
        return super().missing() or ("" if module.exists() else "lighttpd-mod-openssl is not installed")

    def changes(self) -> Mapping[str, str]:
        given = {found: put for found, put in super().changes().items() if "7860" not in found}
        return {**given, r'"port" => 7860': f'"port" => {self.upstream}'}

    def around(self, text: str) -> str:
        return (
            f'server.document-root = "{self.folder}"\nserver.bind = "127.0.0.1"\nserver.port = {free_port()}\n'
            f'server.graceful-shutdown-timeout = 1\nserver.upload-dirs = ("{self.folder}")\n'
            f'server.errorlog = "{self.folder}/error.log"\n{text}'
        )

    def command(self) -> list[str]:
        return ["lighttpd", "-D", "-f", str(self.config)]

    async def reload(self) -> None:
        self.signal(signal.SIGUSR1)


PROXIES: tuple[type[Proxy], ...] = (Nginx, Haproxy, Caddy, Apache, Lighttpd)
