"""The doctor looks at the door: whether the address fits the way in, and whether the port is free or ours already."""

import http.client
import socket

import msgspec

from server.config.loader import SettingsError
from server.config.settings import Settings
from server.doctor.finding import Finding, fail, ok
from server.transport import listeners
from server.transport.listeners import ListenError

ASK_S = 3.0


def address(settings: Settings) -> Finding:
    """Whether the server may and can listen where it is told to. Binds for a moment, and listens to nobody."""
    host, port = settings.server.host, settings.server.port
    where = f"{host} port {port}, way in: {settings.auth.mode}"
    try:
        for sock in listeners.open_sockets(settings):
            sock.close()
    except SettingsError as error:
        return fail("address", where, str(error))
    except ListenError as error:
        if port and is_ours(port):
            return ok("address", f"{where}; a Holdfast answers there already")
        return fail("address", where, str(error))
    return ok("address", f"{where}; it is free")


def is_ours(port: int) -> bool:
    """Whether a Holdfast answers on this port of this machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ASK_S)
    try:
        connection.request("GET", "/api/config")
        said = msgspec.json.decode(connection.getresponse().read(65_536))
    except (OSError, http.client.HTTPException, msgspec.MsgspecError, UnicodeError, socket.timeout):  # noqa: UP041
        return False
    finally:
        connection.close()
    return isinstance(said, dict) and said.get("name") == "holdfast"
