"""Replay: what a client that reconnects is sent of a long answer, in the middle of it and after its end."""

import msgspec

from benchmarks.client import Client, Frame, TurnFailed, client
from benchmarks.processes import Server, scripted_model, server
from benchmarks.table import Row

TOKEN = " word"
FRAMES_MAX = 2
RATIO_MAX = 1.2
MODEL = "hosted_vllm/scripted"
_TEXT = frozenset({"assistant_chunk", "assistant_message"})


class Size(msgspec.Struct, frozen=True):
    """How much is measured: tokens of the answer, ms between two."""

    tokens: int = 2_000
    every_ms: int = 1


FULL = Size()


class Resumes(msgspec.Struct, frozen=True):
    """How much is measured of clients that come back: turns of their session, tokens of each; how many of them come, and how many that
    missed all of it."""

    turns: int = 100
    tokens: int = 20
    current: int = 100
    late: int = 20


async def measure(size: Size = FULL) -> list[Row]:
    """Frames and bytes, mid-stream and afterwards, of an answer that came token by token."""
    async with scripted_model() as api_base, server(api_base, MODEL) as target:
        async with client(target.socket_url) as first:
            await first.submit_input(f"tokens={size.tokens * 11 // 10} every_ms={size.every_ms}")
            turn = await first.receive_turn(until_chars=len(TOKEN) * size.tokens)
            url = f"{target.socket_url}/{first.session_id}?after=0"
            async with client(url) as second:
                rows = _rows("mid-stream", second.past, turn.text)
            if not turn.ended_by:  # on a busy machine the rest may have come in one go
                await first.receive_turn()
        async with client(target.socket_url) as first:
            turn = await first.turn(f"tokens={size.tokens} every_ms={size.every_ms}")
            url = f"{target.socket_url}/{first.session_id}?after=0"
        async with client(url) as second:
            rows += _rows("finished", second.past, turn.text)
            rows.append(_whole(second, turn.frames, turn.text))
    return rows


async def long_session(target: Server, size: Resumes) -> Client:
    """A session with some turns: a client of it, which has gone, and so the newest position."""
    async with client(target.socket_url) as one:
        for _ in range(size.turns):
            await one.turn(f"tokens={size.tokens}")
        url = f"{target.socket_url}/{one.session_id}"
    async with client(url) as two:
        return two


async def resume_ms(target: Server, session: Client, after: int, clients: int) -> float:
    """The server's CPU ms for one of these clients that come back to the session one after another, with this position."""
    url = f"{target.socket_url}/{session.session_id}?after={after}&epoch={session.ready.epoch}"
    before = await target.cpu_at_rest_s()
    for _ in range(clients):
        async with client(url) as back:
            if not back.ready.recovered:
                raise TurnFailed(f"the position {after} was not recovered")
    return (await target.cpu_at_rest_s() - before) / clients * 1_000


def _rows(when: str, past: list[Frame], text: str) -> list[Row]:
    carrying = [frame for frame in past if frame.type in _TEXT]
    replayed = carrying[-1].text if carrying else ""
    if not replayed.startswith(text):
        raise TurnFailed(f"{when}: the replay lacks text: {len(replayed)} characters of {len(text)}")
    size, wanted = sum(frame.size for frame in carrying), len(replayed.encode())
    ratio = size / wanted
    title = f"replay of a {len(replayed) // len(TOKEN):,}-token answer, {when}"
    return [
        Row(
            figure=f"{title}: frames for its text",
            ours=len(carrying),
            unit="",
            floor=1,
            ratio=float(len(carrying)),
            bound=f"≤ {FRAMES_MAX}",
            within=len(carrying) <= FRAMES_MAX,
        ),
        Row(
            figure=f"{title}: bytes for its text",
            ours=size,
            unit="B",
            floor=wanted,
            floor_is="the text",
            ratio=ratio,
            bound=f"ratio ≤ {RATIO_MAX}",
            within=ratio <= RATIO_MAX,
        ),
    ]


def _whole(second: Client, streamed: int, text: str) -> Row:
    size, wanted = sum(frame.size for frame in second.past), len(text.encode())
    return Row(
        figure=f"- the whole turn, {len(second.past)} frames (live: {streamed:,})",
        ours=size,
        unit="B",
        floor=wanted,
        floor_is="the text",
        ratio=size / wanted,
    )
