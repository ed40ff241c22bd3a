"""Replay: what a client that reconnects is sent of a long answer, in the middle of it and after its end."""

import msgspec

from benchmarks.client import Client, Frame, TurnFailed, client
from benchmarks.processes import scripted_model, server
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
