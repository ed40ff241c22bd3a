"""Space program: runs one session's commands in a sandbox Space and holds its files. Standard library alone.

It is put into a Space that was duplicated from a template (deploy/sandbox/) and started there as
`python -m agent.sandbox.in_space`; `agent/sandbox/remote/space.py` speaks to it. Whoever has its secret may do anything in it.
"""

PACKAGE = __name__
VERSION = 1
"""What its routes and frames mean; `GET /health` tells it."""
SECRET_HEADER = "X-Holdfast-Secret"
"""Beside the Hub's own token, which opens the edge of a private Space and is not looked at here."""
SECRET_VARIABLE = "HOLDFAST_SANDBOX_SECRET"

OUTPUT, PING, EXIT = b"o", b"p", b"x"
"""Frames of a running command: a kind, the length of what follows (4 bytes, big-endian), and that. `EXIT` holds JSON."""
FRAME_HEAD = 5
FRAME_BYTES_MAX = 65_536
PING_S = 15.0
"""Silence after which a running command is said to be alive."""
