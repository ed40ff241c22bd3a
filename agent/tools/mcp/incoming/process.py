"""Process for one large message: `python -I process.py MESSAGES_FILE MEMORY_BYTES CPU_S` bounds it within limits.

It reads the message on standard input and writes the bounded one on standard output; exit code `NOT_A_MESSAGE` for what is
no message. It imports nothing of the project, so that it starts soon; MESSAGES_FILE is `messages.py`.
"""

import os
import resource
import runpy
import sys
from typing import Final

NOT_A_MESSAGE: Final = 3


def main() -> int:
    """Bound one message; the exit code."""
    for what, most in (
        (resource.RLIMIT_AS, int(sys.argv[2])),
        (resource.RLIMIT_CPU, int(sys.argv[3])),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    os.nice(10)
    messages = runpy.run_path(sys.argv[1])
    try:
        bounded = messages["bound_message"](sys.stdin.buffer.read())
    except messages["NotAMessage"]:
        return NOT_A_MESSAGE
    sys.stdout.buffer.write(bounded or b"")
    return 0


if __name__ == "__main__":
    sys.exit(main())
