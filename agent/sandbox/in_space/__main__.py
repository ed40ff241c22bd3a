"""Space program, main: takes the secret from the environment and serves until it is stopped."""

import os
import sys
from typing import NoReturn

from agent.sandbox.in_space import PACKAGE, SECRET_VARIABLE, supervisor
from agent.sandbox.in_space.files import SpaceFiles
from agent.sandbox.in_space.http_server import SandboxServer, workspace

SECRET_CHARS_MIN = 32
SECRET_BYTES_MAX = 4_096
HANDED_ON = "--secret-in"


def take_secret() -> str:
    """The secret. The program is begun anew without it in its environment, which /proc shows as it was at the beginning."""
    if sys.argv[1:2] != [HANDED_ON]:
        hand_on(os.environ.pop(SECRET_VARIABLE, ""))
    with open(int(sys.argv[2]), "rb") as file:
        return file.read(SECRET_BYTES_MAX).decode(errors="replace")


def hand_on(secret: str) -> NoReturn:
    """Begin anew, in the same process."""
    reading, writing = os.pipe()
    os.write(writing, secret.encode()[:SECRET_BYTES_MAX])
    os.close(writing)
    os.set_inheritable(reading, True)
    os.execv(sys.executable, [sys.executable, "-m", PACKAGE, HANDED_ON, str(reading)])


def main() -> None:
    """Listen on PORT (7860) of HOST (all addresses)."""
    secret = take_secret()
    if len(secret) < SECRET_CHARS_MIN:
        sys.exit(f"{SECRET_VARIABLE} must hold at least {SECRET_CHARS_MIN} characters: set it as a secret of the Space")
    supervisor.prctl(supervisor.PR_SET_DUMPABLE, 0)  # so that no command reads the secret out of its memory
    supervisor.prctl(supervisor.PR_SET_CHILD_SUBREAPER, 1)
    address = os.environ.get("HOST", "0.0.0.0"), int(os.environ.get("PORT", "7860"))
    with SandboxServer(address, secret, SpaceFiles(workspace())) as server:
        sys.stderr.write(f"listening on port {server.server_port}\n")
        sys.stderr.flush()
        server.serve_forever()


if __name__ == "__main__":
    main()
