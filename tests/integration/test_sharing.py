"""Sharing: who reads a session, who drives it, and how a link ends."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from protocol import events as ev
from protocol.codes import CLOSE_CREDENTIALS, CLOSE_GOING_AWAY
from protocol.submissions import (
    Compact,
    Interrupt,
    SetModel,
    Share,
    Shutdown,
    Submission,
    Undo,
    Unshare,
    UserInput,
)
from tests.support.live import DONE
from tests.support.network.http_client import http_client
from tests.support.users import Users, users


@pytest.fixture
async def all_users(tmp_path: Path) -> AsyncIterator[Users]:
    async with users(tmp_path) as found:
        yield found


async def session_of(found: Users, who: str) -> str:
    async with found.socket(who) as one:
        return one.ready.session_id


async def link_to(found: Users, session_id: str, access: str) -> tuple[str, str]:
    """A link's id and its secret."""
    async with found.http("alice") as http:
        made = await http.post(f"/api/sessions/{session_id}/shares", json={"access": access})
    assert made.status_code == 201, made.text
    body = made.json()
    assert body["link"].endswith(f"/s/{session_id}#share={body['secret']}")
    return body["share_id"], body["secret"]


ROUTES = [
    ("GET", ""),
    ("DELETE", ""),
    ("GET", "/events"),
    ("GET", "/files"),
    ("GET", "/files/a.txt"),
    ("PUT", "/files/a.txt"),
    ("GET", "/shares"),
    ("POST", "/shares"),
    ("DELETE", "/shares/x"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_a_session_of_another_user_is_answered_like_a_missing_one(
    all_users: Users, method: str, path: str
) -> None:
    session_id = await session_of(all_users, "alice")
    async with all_users.http("bob") as http:
        theirs = await http.request(method, f"/api/sessions/{session_id}{path}", content=b'{"access":"read"}')
        nobodys = await http.request(method, f"/api/sessions/{'0' * 32}{path}", content=b'{"access":"read"}')
    assert (theirs.status_code, theirs.content) == (nobodys.status_code, nobodys.content)
    assert theirs.status_code == 404


async def test_a_socket_to_a_session_of_another_user_is_refused_like_a_missing_one(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    refusals = []
    for wanted in (session_id, "0" * 32):
        with pytest.raises(InvalidStatus) as denied:
            async with all_users.socket("bob", wanted):
                pass
        refusals.append((denied.value.response.status_code, denied.value.response.body))
    assert refusals[0] == refusals[1]
    assert refusals[0][0] == 404


async def test_a_read_link_allows_reading_alone(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    _, secret = await link_to(all_users, session_id, "read")
    everything: list[Submission] = [
        UserInput(text="x"),
        Interrupt(),
        Undo(),
        Compact(),
        Shutdown(),
        Share(access="read"),
    ]
    async with all_users.socket("alice", session_id) as owner, all_users.socket(secret, session_id) as guest:
        assert (owner.ready.access, guest.ready.access) == ("owner", "read")
        for submission in everything:
            await guest.send(submission)
            assert (await guest.refusal()).code == "forbidden"
        await owner.send(UserInput(text="hello"))
        assert isinstance(await guest.until_type(*DONE), ev.TurnComplete)
    async with all_users.http(secret) as http:
        assert (await http.get(f"/api/sessions/{session_id}")).status_code == 200
        assert (await http.get(f"/api/sessions/{session_id}/events")).status_code == 200
        assert (await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"x")).status_code == 403
        assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 403


async def test_a_drive_link_allows_everything_but_the_owners_operations(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    share_id, secret = await link_to(all_users, session_id, "drive")
    async with all_users.socket(secret, session_id) as guest:
        await guest.send(UserInput(text="hello"))
        assert (await guest.until_type(ev.Accepted)).share_id == share_id
        assert isinstance(await guest.until_type(*DONE), ev.TurnComplete)
        for submission in (Shutdown(), Share(access="drive"), Unshare(share_id=share_id)):
            await guest.send(submission)
            assert (await guest.refusal()).code == "forbidden"
    async with all_users.http(secret) as http:
        assert (await http.put(f"/api/sessions/{session_id}/files/a.txt", content=b"x")).status_code == 201
        assert (await http.get(f"/api/sessions/{session_id}/shares")).status_code == 403
        for name in ("AGENTS.md", "agents.md"):
            assert (await http.put(f"/api/sessions/{session_id}/files/{name}", content=b"x")).status_code == 403
            assert (await http.delete(f"/api/sessions/{session_id}/files/{name}")).status_code == 403
    async with all_users.http("alice") as http:
        assert (await http.put(f"/api/sessions/{session_id}/files/AGENTS.md", content=b"x")).status_code == 201


async def test_a_link_opens_its_own_session_alone(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    other = await session_of(all_users, "alice")
    _, secret = await link_to(all_users, session_id, "drive")
    async with all_users.http(secret) as http:
        assert (await http.get(f"/api/sessions/{other}")).status_code == 404
        for path in ("/api/sessions", "/metrics", "/api/admin/sessions"):
            assert (await http.get(path)).status_code == 403
    with pytest.raises(InvalidStatus) as denied:
        async with all_users.socket(secret):
            pass
    assert denied.value.response.status_code == 403


async def test_link_events_reach_all_clients_without_the_secret(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    async with all_users.socket("alice", session_id) as owner:
        share_id, secret = await link_to(all_users, session_id, "read")
        shared = await owner.until_type(ev.Shared)
        assert (shared.share_id, shared.access) == (share_id, "read")
        await owner.send(Unshare(share_id=share_id))
        assert (await owner.until_type(ev.Unshared)).share_id == share_id
    async with all_users.http("alice") as http:
        events = (await http.get(f"/api/sessions/{session_id}/events")).text
        assert secret not in events
        assert secret.rpartition("_")[2] not in events
        assert (await http.get(f"/api/sessions/{session_id}/shares")).json() == {"shares": []}


async def test_a_revoked_link_closes_its_sockets_and_no_others(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    share_id, secret = await link_to(all_users, session_id, "read")
    async with all_users.socket("alice", session_id) as owner, all_users.socket(secret, session_id) as guest:
        async with all_users.http("alice") as http:
            assert (await http.delete(f"/api/sessions/{session_id}/shares/{share_id}")).status_code == 204
            assert (await http.delete(f"/api/sessions/{session_id}/shares/{share_id}")).status_code == 404
        assert (await guest.closed())[0] == CLOSE_CREDENTIALS
        await owner.send(UserInput(text="still here"))
        assert isinstance(await owner.until_type(*DONE), ev.TurnComplete)
    with pytest.raises(InvalidStatus) as denied:
        async with all_users.socket(secret, session_id):
            pass
    assert denied.value.response.status_code == 401


async def test_links_survive_sleep_and_restart_and_end_with_the_session(tmp_path: Path) -> None:
    async with users(tmp_path, sessions={"idle_sleep_s": 0.05}) as first:
        session_id = await session_of(first, "alice")
        _, secret = await link_to(first, session_id, "read")
        other = await session_of(first, "alice")
        _, gone = await link_to(first, other, "read")
    async with users(tmp_path) as second:
        async with second.socket(secret, session_id) as guest:
            assert guest.ready.access == "read"
        async with second.http("alice") as http:
            assert (await http.delete(f"/api/sessions/{other}")).status_code == 204
        async with second.http(gone) as http:
            assert (await http.get(f"/api/sessions/{other}")).status_code == 401


@pytest.mark.parametrize("broken", ["hfl_", "hfl_x_y_z", "hfl_é", "hfl_" + "a" * 300])
async def test_an_unknown_link_secret_is_refused(all_users: Users, broken: str) -> None:
    async with all_users.http("alice") as http:
        refused = await http.get("/api/me", headers=[(b"authorization", f"Bearer {broken}".encode())])
        assert refused.status_code == 401


async def test_a_link_secret_changed_by_one_character_is_refused(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    _, secret = await link_to(all_users, session_id, "read")
    changed = secret[:-2] + ("A" if secret[-2] != "A" else "B") + secret[-1]
    async with all_users.http(changed) as http:
        assert (await http.get(f"/api/sessions/{session_id}")).status_code == 401


async def test_a_browser_keeps_a_link_beside_its_login(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    _, secret = await link_to(all_users, session_id, "read")
    async with all_users.http("bob") as http:
        mine = await session_of(all_users, "bob")
        assert (await http.post("/auth/share", json={"token": secret + "x"})).status_code == 401
        opened = await http.post("/auth/share", json={"token": secret})
        assert (opened.json()["session_id"], opened.json()["access"]) == (session_id, "read")
        assert "httponly" in opened.headers["set-cookie"].lower()
        logged_in = await http.post("/auth/token", json={"token": all_users.headers("bob")["Authorization"].split()[1]})
        assert logged_in.status_code == 200
        del http.headers["Authorization"]
        http.headers["Holdfast-Key"] = f"{opened.json()['key']}, {logged_in.json()['key']}"
        assert (await http.get(f"/api/sessions/{session_id}")).status_code == 200
        assert (await http.get(f"/api/sessions/{mine}")).status_code == 200
        assert (await http.get("/api/me")).json()["user_id"] == "bob"
        await http.post("/auth/logout", headers={"Origin": all_users.live.http})
        assert (await http.get(f"/api/sessions/{session_id}")).status_code == 401


async def test_an_admin_lists_and_stops_but_does_not_read(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    async with all_users.socket("alice", session_id) as owner, all_users.http("root") as admin:
        await owner.send(UserInput(text="Owls are my secret: a long answer please"))
        await owner.until(lambda _: owner.view.state == "running")
        seen = (await admin.get("/api/admin/sessions")).json()
        assert [(one["session_id"], one["user_id"]) for one in seen["sessions"]] == [(session_id, "alice")]
        assert seen["sockets"] == 1
        assert "Owls" not in str(seen)
        stopped = await admin.post(f"/api/admin/sessions/{session_id}/stop")
        assert stopped.status_code == 200
        if stopped.json()["stopped"]:
            assert isinstance(await owner.until_type(*DONE), ev.Interrupted)
        for path in ("", "/events", "/files", "/shares"):
            assert (await admin.get(f"/api/sessions/{session_id}{path}")).status_code == 404
        with pytest.raises(InvalidStatus):
            async with all_users.socket("root", session_id):
                pass
        assert (await admin.post(f"/api/admin/sessions/{'0' * 32}/stop")).status_code == 404
    async with all_users.http("bob") as http:
        assert (await http.get("/api/admin/sessions")).status_code == 403


async def test_an_admin_reads_the_list_page_by_page(all_users: Users) -> None:
    made = [await session_of(all_users, who) for who in ("alice", "bob", "alice", "bob", "alice")]
    async with all_users.http("root") as admin:
        seen: list[str] = []
        lengths: list[int] = []
        query = {"limit": "2"}
        while not lengths or query["before"]:
            page = (await admin.get("/api/admin/sessions", params=query)).json()
            lengths.append(len(page["sessions"]))
            seen += [one["session_id"] for one in page["sessions"]]
            query["before"] = page.get("next", "")
        assert lengths == [2, 2, 1]
        assert sorted(seen) == sorted(made)
        hers = (await admin.get("/api/admin/sessions", params={"limit": "2", "user": "alice"})).json()
        assert [one["user_id"] for one in hers["sessions"]] == ["alice", "alice"] and "next" in hers
        for wrong in ("limit=0", "limit=1001", "before=yesterday"):
            assert (await admin.get(f"/api/admin/sessions?{wrong}")).status_code == 400


async def test_a_links_secret_makes_no_login(all_users: Users) -> None:
    session_id = await session_of(all_users, "alice")
    _, secret = await link_to(all_users, session_id, "drive")
    async with http_client(all_users.live.http) as http:
        refused = await http.post("/auth/token", json={"token": secret})
    assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
    assert "/auth/share" in refused.json()["message"]
    assert "set-cookie" not in refused.headers


async def test_wrong_secrets_of_links_are_counted_like_wrong_tokens(tmp_path: Path) -> None:
    async with users(tmp_path, auth={"failures_per_minute": 2}) as found:
        session_id = await session_of(found, "alice")
        _, secret = await link_to(found, session_id, "read")
        async with http_client(found.live.http) as http:
            tried = [(await http.post("/auth/share", json={"token": secret + "x"})).status_code for _ in range(4)]
            assert tried == [401, 401, 429, 429]
            assert (await http.get("/api/me", headers={"Authorization": "Bearer wrong"})).status_code == 429
            assert (await http.post("/auth/share", json={"token": secret})).status_code == 200


async def test_the_local_users_name_opens_no_session(all_users: Users) -> None:
    """There is no name that stands above ownership."""
    session_id = await session_of(all_users, "alice")
    for who in ("bob", "root"):
        async with all_users.http(who) as http:
            assert (await http.get(f"/api/sessions/{session_id}")).status_code == 404
            assert (await http.delete(f"/api/sessions/{session_id}")).status_code == 404


async def test_a_guest_sets_the_model_by_a_link_that_says_so_never_to_an_address_and_no_longer_than_the_link(
    all_users: Users,
) -> None:
    session_id = await session_of(all_users, "alice")
    address = SetModel(model="oobabooga/http://127.0.0.1:9/x")
    _, plain = await link_to(all_users, session_id, "drive")
    async with all_users.socket(plain, session_id) as guest:
        assert guest.ready.may_set_model is False
        await guest.send(address)
        assert (await guest.refusal()).code == "forbidden"
    async with all_users.http("alice") as http:
        body = {"access": "drive", "may_set_model": True}
        made = (await http.post(f"/api/sessions/{session_id}/shares", json=body)).json()
        listed = (await http.get(f"/api/sessions/{session_id}/shares")).json()["shares"]
    assert [link["may_set_model"] for link in listed] == [False, True]
    async with all_users.socket("alice", session_id) as owner, all_users.socket(made["secret"], session_id) as guest:
        assert False not in (owner.ready.may_set_model, guest.ready.may_set_model)
        for submission in (address, SetModel(model="openai/another")):
            await guest.send(submission)
            assert (await guest.refusal()).code == "unknown_model"
        await guest.send(SetModel(model=owner.view.model, reasoning_effort="high"))
        assert (await owner.until_type(ev.ModelChanged)).reasoning_effort == "high"
        await owner.send(Unshare(share_id=made["share_id"]))
        changed = await owner.until_type(ev.ModelChanged)
        assert (changed.reasoning_effort, changed.reason) == ("", "unshared")


async def test_the_holders_of_one_link_do_not_keep_those_of_another_out(tmp_path: Path) -> None:
    async with users(tmp_path, socket={"sockets_per_session_max": 6}) as found, contextlib.AsyncExitStack() as stack:
        session_id = await session_of(found, "alice")
        (_, first), (_, second) = [await link_to(found, session_id, "read") for _ in range(2)]
        opened = [await stack.enter_async_context(found.socket(first, session_id)) for _ in range(3)]
        await stack.enter_async_context(found.socket(second, session_id))
        code, _ = await opened[-1].closed()
        assert code == CLOSE_GOING_AWAY
        for secret in (first, second):
            with pytest.raises(InvalidStatus) as refused:
                await stack.enter_async_context(found.socket(secret, session_id))
            assert refused.value.response.status_code == 429


async def test_guests_take_half_of_a_sessions_sockets_at_most(tmp_path: Path) -> None:
    async with users(tmp_path, socket={"sockets_per_session_max": 6}) as found, contextlib.AsyncExitStack() as stack:
        session_id = await session_of(found, "alice")
        _, secret = await link_to(found, session_id, "read")
        for _ in range(3):
            await stack.enter_async_context(found.socket(secret, session_id))
        with pytest.raises(InvalidStatus) as refused:
            await stack.enter_async_context(found.socket(secret, session_id))
        assert refused.value.response.status_code == 429
        for _ in range(3):
            await stack.enter_async_context(found.socket("alice", session_id))
