"""Process for one large message: `python -I process.py MESSAGES_FILE MEMORY_BYTES CPU_S FILE_SECRET` bounds it within limits.

It reads the message on standard input. On standard output it writes the bounded one and then the files that it took out of it, each behind
its length in 8 bytes. FILE_SECRET is what their references begin with. Exit code `NOT_A_MESSAGE` for what is
no message. It imports nothing of the project beside, so that it starts soon; MESSAGES_FILE is `messages.py`.
"""

import gc
import os
import resource
import runpy
import sys
from typing import Any, Final

import msgspec

NOT_A_MESSAGE: Final = 3
LENGTH_BYTES: Final = 8
FILE_CHARS: Final = 32_768
"""Characters from which a file is taken out of its message."""


def take_files(message: dict[str, Any], secret: str) -> list[str]:
    """Take the large images, sounds and resources out of a bounded message. References stand in their places: see `files.py`."""
    result = message.get("result", {})
    blocks, prompt, contents = (
        found if isinstance(found := result.get(key), list) else [] for key in ("content", "messages", "contents")
    )
    blocks = [*blocks, *(one["content"] for one in prompt)]
    files: list[str] = []
    for holder in [*(block.get("resource", block) for block in blocks), *contents]:
        for name in ("data", "blob", "text") if "uri" in holder else ("data",):
            if len(holder.get(name) or "") >= FILE_CHARS:
                files.append(holder[name])
                holder[name] = f"{secret}:{len(files) - 1}"
    return files


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
    gc.disable()  # all that it makes stays until it ends
    messages = runpy.run_path(sys.argv[1])
    try:
        message = messages["bounded_message"](sys.stdin.buffer.read())
    except messages["NotAMessage"]:
        return NOT_A_MESSAGE
    files = [] if message is None else take_files(message, sys.argv[4])
    bounded = b"" if message is None else msgspec.json.encode(message)
    for part in (bounded, *(content.encode(errors="replace") for content in files)):
        sys.stdout.buffer.write(len(part).to_bytes(LENGTH_BYTES, "big"))
        sys.stdout.buffer.write(part)
    return 0


if __name__ == "__main__":
    sys.exit(main())
