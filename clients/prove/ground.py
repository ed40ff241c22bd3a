"""Ground: what is under the clients of a case: connections that are cut and slowed down, and a server that is killed and started again."""

import msgspec

from clients.prove import steps as st
from clients.prove.links import Links
from clients.prove.program import Program
from clients.prove.trace import Done, Entry

PATIENCE_S = 60.0
"""For each thing that is waited for. A server that needs longer counts as stuck."""


class NotPromised(Exception):
    """A case needs what this server does not promise; the message says what."""


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """The server that is tried. `url`: its address; `program`: how it is started, None if somebody else does it."""

    url: str
    token: str | None = None
    program: Program | None = None
    patience_s: float = PATIENCE_S


class Ground:
    """Takes the steps that no client takes, and writes them into the trace."""

    def __init__(self, target: Target, links: Links, trace: list[Entry]) -> None:
        self._target = target
        self._links = links
        self._trace = trace

    def done(self, what: str) -> None:
        """Write down what was done."""
        self._trace.append(Done(what))

    async def take(self, step: st.Step) -> None:
        """Take one step."""
        match step:
            case st.Cut():
                self._cut(step)
            case st.Slow():
                self._links.rate = step.bytes_per_s
                self.done("every connection was made slow")
            case st.Free():
                self._links.free()
            case _:
                await self._to_program(step)

    def _cut(self, step: st.Cut) -> None:
        if step.piece:
            self._links.free()
            self.done(f"all connections were cut (reset){_at(step.piece)}")
        elif step.after_bytes:
            self._links.cut_after(step.after_bytes, step.way)
            self.done(f"a connection was cut ({step.way}) after {step.after_bytes} bytes more")
        else:
            self._links.cut(step.way)
            self.done(f"all connections were cut ({step.way})")

    async def _to_program(self, step: st.Step) -> None:
        program = self._target.program
        assert program is not None, "a case without a command has no such steps"
        match step:
            case st.Kill():
                await program.kill()
                self.done(f"the server was killed{_at(step.piece)}")
                self._links.free()
                await program.start()
            case st.Restart():
                await program.stop()
                self.done(f"the server was stopped{_at(step.piece)}")
                self._links.free()
                await program.start()
            case st.Pause():
                self.done(f"the server was stopped (SIGSTOP) for {step.seconds:g} s{_at(step.piece)}")
                self._links.free()
                await program.pause(step.seconds)
            case st.Save():
                await program.stop()
                program.save()
                self.done("the server was stopped, and its data copied")
                await program.start()
            case st.PutBack() if program.has_saved:
                await program.kill()
                program.put_back()
                self._trace.append(Done("the server's data was put back", restored=True))
                await program.start()


def _at(piece: int) -> str:
    return f" at piece {piece} of what it sent" if piece else ""
