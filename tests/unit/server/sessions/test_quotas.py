"""Quotas: each limit of a user is announced, reached, and answered as the protocol says."""

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from websockets.exceptions import InvalidStatus

from protocol import events as ev
from protocol.submissions import Compact, Edit, Interrupt, SetTitle, UserInput
from server.config.sessions import UserLimits
from server.journal.base import Spent, Stored
from server.sessions.quotas import UserUsage, judge
from tests.support.application import settings_for
from tests.support.live import DONE, Client, Live, client, listening
from tests.support.models.scripted_model import Call, Finish, Hang, ScriptedModel, Text, Usage, calls, stream, text
from tests.support.network.http_client import http_client
from tests.support.users import users


async def new_session(live: Live) -> str:
    async with client(live) as one:
        return (await one.synced()).ready.session_id


async def denied(live: Live, session_id: str = "") -> tuple[int, dict[str, Any], str]:
    """How the upgrade is refused: status, body, Retry-After."""
    with pytest.raises(InvalidStatus) as refused:
        async with client(live, session_id) as one:
            await one.synced()
    response = refused.value.response
    return response.status_code, msgspec.json.decode(response.body or b""), response.headers["retry-after"]


async def turn(one: Client, words: str) -> ev.Event:
    await one.send(UserInput(text=words))
    found: ev.Event = await one.until_type(*DONE)
    return found


async def test_every_limit_is_in_ready_and_in_config_with_the_same_value(tmp_path: Path) -> None:
    bounds = {"stored_sessions_max": 7, "tokens_per_day": 1_234, "cost_usd_per_day": 2.5, "sockets_max": 5}
    async with listening(settings_for(tmp_path, users=bounds)) as live, client(live) as one:
        limits = msgspec.to_builtins((await one.synced()).ready.limits)
        async with http_client(live.http) as http:
            assert (await http.get("/api/config")).json()["limits"] == limits
    assert (limits["stored_sessions_per_user"], limits["sockets_per_user"]) == (7, 5)
    assert (limits["tokens_per_day"], limits["cost_usd_per_day"]) == (1_234, 2.5)


async def test_a_user_at_the_session_limit_creates_no_more_until_one_is_deleted(tmp_path: Path) -> None:
    async with listening(settings_for(tmp_path, users={"stored_sessions_max": 2})) as live:
        first = await new_session(live)
        await new_session(live)
        status, body, again = await denied(live)
        assert (status, body["code"], body["error_type"], body["what"]) == (429, "storage", "per_user", "sessions")
        assert int(again) > 0
        assert "delete some" in body["message"]
        async with http_client(live.http) as http:
            assert (await http.delete(f"/api/sessions/{first}")).status_code == 204
        await new_session(live)


async def test_two_hundred_creates_at_once_never_pass_the_storage_limit(tmp_path: Path) -> None:
    many = {"awake_max": 1_000, "awake_max_per_user": 1_000}
    async with listening(settings_for(tmp_path, sessions=many, users={"stored_sessions_max": 20})) as live:
        made = await asyncio.gather(*(new_session(live) for _ in range(200)), return_exceptions=True)
        assert sum(isinstance(one, str) for one in made) == 20
        assert all(isinstance(one, str | InvalidStatus) for one in made)


async def test_a_user_at_the_byte_limit_submits_no_more_until_something_is_deleted(tmp_path: Path) -> None:
    async with (
        ScriptedModel(lambda _: text("x" * 5_000)) as model,
        listening(settings_for(tmp_path, model, users={"stored_bytes_max": 20_000})) as live,
        client(live) as one,
    ):
        await one.synced()
        other = await new_session(live)
        async with client(live, other) as two:
            assert isinstance(await turn(two, "y" * 2_000), ev.TurnComplete)
            assert isinstance(await turn(two, "y" * 2_000), ev.TurnComplete)
            await two.send(UserInput(text="more"))
            refused = await two.refusal()
            assert (refused.code, refused.retryable) == ("storage_full", False)
        assert (await denied(live))[1]["what"] == "bytes"
        async with http_client(live.http) as http:
            assert (await http.delete(f"/api/sessions/{other}")).status_code == 204
        await new_session(live)


async def test_a_users_sockets_are_limited_over_all_sessions(tmp_path: Path) -> None:
    async with (
        listening(settings_for(tmp_path, users={"sockets_max": 3})) as live,
        contextlib.AsyncExitStack() as stack,
    ):
        for _ in range(3):
            await (await stack.enter_async_context(client(live))).synced()
        status, body, _ = await denied(live)
        assert (status, body["code"]) == (429, "too_many_sockets")
        async with http_client(live.http) as http:
            listed = (await http.get("/api/sessions")).json()["sessions"]
        assert len(listed) == 3, "a refused socket makes no session"


async def test_each_user_has_sockets_of_their_own(tmp_path: Path) -> None:
    async with users(tmp_path, users={"sockets_max": 1}) as found:
        async with found.socket("alice"), found.socket("bob"):
            with pytest.raises(InvalidStatus):
                async with found.socket("alice"):
                    pass


async def test_a_users_rate_counts_over_all_sockets_and_never_refuses_an_interrupt(tmp_path: Path) -> None:
    async with users(tmp_path, users={"submissions_per_minute": 4}) as found:
        async with found.socket("alice") as one, found.socket("alice") as two, found.socket("bob") as other:
            for socket in (one, one, two, two):
                await socket.send(SetTitle(title=f"t{socket.view.seq}"))
                await socket.until_type(ev.Accepted)
            for socket in (one, two):
                await socket.send(SetTitle(title="one too many"))
                refused = await socket.refusal()
                assert (refused.code, refused.retryable) == ("too_many_submissions", True)
            await one.send(Interrupt())
            assert (await one.refusal()).code == "nothing_to_interrupt"
            await other.send(SetTitle(title="unhurried"))
            assert isinstance(await other.until_type(ev.Accepted), ev.Accepted)


async def test_a_user_over_the_daily_tokens_calls_no_model_even_after_a_restart(
    tmp_path: Path,
) -> None:
    answers = [stream(Text("One."), Finish(), Usage(60, 50)), text("Two.")]
    async with ScriptedModel(answers) as model:
        settings = settings_for(tmp_path, model, users={"tokens_per_day": 100})
        async with listening(settings) as live, client(live) as one:
            await one.synced()
            assert isinstance(await turn(one, "first"), ev.TurnComplete)
            turn_id = one.view.messages[0].turn_id  # type: ignore[union-attr]  # a user's message
            for submission in (UserInput(text="more"), Compact(), Edit(turn_id=turn_id, text="again")):
                await one.send(submission)
                refused = await one.refusal()
                assert (refused.code, refused.retryable) == ("budget_exhausted", True)
                assert "00:00 UTC" in refused.message
            async with http_client(live.http) as http:
                await http.delete(f"/api/sessions/{one.ready.session_id}")
        async with listening(settings) as live, client(live) as one:
            await one.synced()
            await one.send(UserInput(text="next day?"))
            assert (await one.refusal()).code == "budget_exhausted"
        assert len(model.requests) == 1


async def test_a_turn_that_reaches_the_daily_limit_ends_before_its_next_model_call(tmp_path: Path) -> None:
    answer = calls(Call("plan", {"items": []}), usage=Usage(200, 1))
    async with ScriptedModel([answer]) as model:
        settings = settings_for(tmp_path, model, users={"tokens_per_day": 100})
        async with listening(settings) as live, client(live) as one:
            await one.synced()
            ended = await turn(one, "plan")
            assert isinstance(ended, ev.ErrorEvent)
            assert (ended.code, ended.retryable) == ("budget_exhausted", True)
        assert len(model.requests) == 1


async def test_answers_that_are_interrupted_or_not_counted_by_the_provider_count_too(tmp_path: Path) -> None:
    long = Text("owl " * 2_000)
    async with ScriptedModel([stream(long, Hang()), stream(long, Finish())]) as model:
        settings = settings_for(tmp_path, model, users={"tokens_per_day": 100_000})
        async with listening(settings) as live, client(live) as one:
            await one.synced()
            before = 0
            for interrupted in (True, False):
                await one.send(UserInput(text="tell"))
                if interrupted:
                    await one.until_type(ev.AssistantChunk)
                    await one.send(Interrupt())
                await one.until_type(*DONE)
                spent = one.view.usage.input_tokens + one.view.usage.output_tokens
                assert spent - before > 2_000
                before = spent
        low = msgspec.structs.replace(settings, users=UserLimits(tokens_per_day=4_000))
        async with listening(low) as live, client(live) as one:
            await one.synced()
            await one.send(UserInput(text="more"))
            assert (await one.refusal()).code == "budget_exhausted"


TODAY = "2026-01-31"


@pytest.mark.parametrize(
    ("limits", "spent", "code"),
    [
        (UserLimits(), Spent("ann", TODAY, 10**12, 10**12), None),
        (UserLimits(tokens_per_day=100), Spent("ann", TODAY, 99, 0), None),
        (UserLimits(tokens_per_day=100), Spent("ann", TODAY, 100, 0), "budget_exhausted"),
        (UserLimits(tokens_per_day=100), Spent("ann", "2026-01-30", 100, 0), None),
        (UserLimits(cost_usd_per_day=0.25), Spent("ann", TODAY, 1, 249_999), None),
        (UserLimits(cost_usd_per_day=0.25), Spent("ann", TODAY, 1, 250_000), "budget_exhausted"),
    ],
)
def test_tokens_and_money_are_limited_by_day_if_set(limits: UserLimits, spent: Spent, code: str | None) -> None:
    refused = judge(limits, UserUsage(Stored(1, 1), spent), TODAY)
    assert (refused.code if refused else None) == code
