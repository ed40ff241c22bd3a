"""Journal: reads the events of a session over HTTP, as any client can."""

import msgspec

from protocol import codec
from protocol import events as ev
from protocol.view import View, apply
from tests.support.live import Address, client
from tests.support.network.http_client import http_client


async def events_of(server: str, session_id: str) -> list[ev.Event]:
    """All events of a session, in order."""
    found: list[ev.Event] = []
    async with http_client(server) as http:
        more, after = True, 0
        while more:
            answer = await http.get(f"/api/sessions/{session_id}/events?after={after}&limit=1000")
            answer.raise_for_status()
            page = answer.json()
            found += [codec.decode_event(msgspec.json.encode(event)) for event in page["events"]]
            more, after = page["more"], page["next_after"]
    return found


async def view_of(server: str, session_id: str) -> View:
    """The fold of all of them."""
    view = View()
    for event in await events_of(server, session_id):
        apply(view, event)
    return view


async def submissions_of(server: str, session_id: str) -> list[str]:
    """What was submitted and taken, as texts or types, in order."""
    taken = [event.submission for event in await events_of(server, session_id) if isinstance(event, ev.Accepted)]
    return [getattr(one, "text", str(type(one).__struct_config__.tag)) for one in taken]


async def happened(live: Address, session_id: str, kind: type[ev.EventBase], after: int = 0) -> int:
    """The number of the session's first event of this type after that of this number, as soon as it is there."""
    async with client(live, session_id, after=0) as listener:
        event = await listener.until(lambda frame: isinstance(frame, kind) and frame.seq > after)
    assert isinstance(event, kind)
    return int(event.seq)
