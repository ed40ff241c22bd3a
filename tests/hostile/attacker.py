"""Attacker: runs one attack in a process of its own, so that its work does not slow the clients that measure.

`python -m tests.hostile.attacker MODULE:FUNCTION TARGET`: FUNCTION is `async (Target) -> None`, TARGET is a `Target` in JSON. It
prints `ready` when everything is imported and begins when it reads a line. It is killed when its time is over; an attack that
ends by itself before then has nothing more to do. An exception is a fault of the attack: what a server may answer, also by
closing the connection, is for the attack to handle.
"""

import asyncio
import importlib
import sys

import msgspec

from tests.hostile.target import Target


def main() -> None:
    """Run the attack that the arguments name."""
    module, _, name = sys.argv[1].partition(":")
    attack = getattr(importlib.import_module(module), name)
    target = msgspec.json.decode(sys.argv[2], type=Target)
    print("ready", flush=True)
    sys.stdin.readline()
    asyncio.run(attack(target))


if __name__ == "__main__":
    main()
