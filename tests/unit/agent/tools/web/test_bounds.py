"""Bounds of a fetch: time, silence, bytes after decompression, how many at once; and its end when it is cancelled."""

import asyncio
import gzip
import zlib

import pytest

from agent.tools.web import WebClient, WebSettings
from agent.tools.web.urls import parse_url
from agent.util.executors import Executors
from agent.util.places import SERVER
from agent.util.tasks import TaskOwner
from tests.support.constants import built_in
from tests.unit.agent.tools.web.internet import HOST, Internet, Site, Visit, get, ok, refused


async def test_a_server_that_is_silent_is_left(internet: Internet, there: Site) -> None:
    there.answers["/"] = Visit.until_gone
    await refused(internet, f"http://{HOST}/", "was silent for 0.05 s", read_timeout_s=0.05)


async def test_a_slow_drip_ends_with_the_time_for_the_whole(internet: Internet, there: Site) -> None:
    async def drip(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nContent-Type: text/plain\r\n\r\n")
        while True:
            await visit.send(b"x")
            await asyncio.sleep(0.01)

    there.answers["/"] = drip
    await refused(internet, f"http://{HOST}/", "did not answer in full within 0.3 s", timeout_s=0.3)


async def test_a_slow_drip_of_headers_ends_too(internet: Internet, there: Site) -> None:
    async def drip(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await visit.send(b"X-A: b\r\n")
            await asyncio.sleep(0.01)

    there.answers["/"] = drip
    await refused(internet, f"http://{HOST}/", "did not answer in full within 0.3 s", timeout_s=0.3)


async def test_endless_headers_are_refused(internet: Internet, there: Site) -> None:
    async def flood(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\n")
        while True:
            await visit.send(b"X-A: " + b"b" * 10_000 + b"\r\n")

    there.answers["/"] = flood
    await refused(internet, f"http://{HOST}/", "broke off")


async def test_an_endless_body_is_read_to_the_bound_and_left(internet: Internet, there: Site) -> None:
    left = asyncio.Event()

    async def endless(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
        try:
            while True:
                await visit.send(b"x" * 10_000)
        finally:
            left.set()

    there.answers["/"] = endless
    got = await get(internet, f"http://{HOST}/", body_bytes_max=20_000)
    assert (len(got.body), got.cut) == (20_000, True)
    await left.wait()


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw"])
async def test_compressed_answers_are_read(internet: Internet, there: Site, encoding: str) -> None:
    text = b"hello " * 1_000
    raw = zlib.compressobj(wbits=-15)
    packed = {"gzip": gzip.compress(text), "deflate": zlib.compress(text), "raw": raw.compress(text) + raw.flush()}
    declared = "gzip" if encoding == "gzip" else "deflate"
    there.answers["/"] = ok(packed[encoding], "text/plain", f"Content-Encoding: {declared}")
    assert (await get(internet, f"http://{HOST}/")).body == text


async def test_a_decompression_bomb_is_taken_apart_to_the_bound_and_no_further(internet: Internet, there: Site) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000, 9)
    assert len(bomb) < 250_000
    there.answers["/"] = ok(bomb, "text/plain", "Content-Encoding: gzip")
    got = await get(internet, f"http://{HOST}/", body_bytes_max=2_000_000)
    assert (len(got.body), got.cut) == (2_000_000, True)


async def test_gzip_of_several_members_is_read_and_endless_empty_ones_are_left(internet: Internet, there: Site) -> None:
    there.answers["/two"] = ok(gzip.compress(b"one ") + gzip.compress(b"two"), "text/plain", "Content-Encoding: gzip")
    assert (await get(internet, f"http://{HOST}/two")).body == b"one two"

    async def empty(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Encoding: gzip\r\n\r\n")
        while True:
            await visit.send(gzip.compress(b"") * 100)

    there.answers["/empty"] = empty
    got = await get(internet, f"http://{HOST}/empty", body_bytes_max=20_000)
    assert (got.body, got.cut) == (b"", True)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (ok(b"not gzip at all", "text/plain", "Content-Encoding: gzip"), "not compressed as it says"),
        (ok(gzip.compress(b"hello" * 1_000)[:-20], "text/plain", "Content-Encoding: gzip"), "ends in the middle"),
        (ok(b"x", "text/plain", "Content-Encoding: br"), "cannot be read: br"),
        (ok(b"x", "text/plain", "Content-Encoding: gzip, gzip"), "cannot be read"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "broke off in the middle"),
        (b"220 smtp.example ready\r\n", "broke off in the middle"),
        (b"", "broke off in the middle"),
    ],
)
async def test_an_incomplete_answer_is_reported(internet: Internet, there: Site, answer: bytes, why: str) -> None:
    there.answers["/"] = answer
    await refused(internet, f"http://{HOST}/", why)


async def test_the_body_of_what_cannot_be_shown_is_not_read(internet: Internet, there: Site) -> None:
    async def endless(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 5000000000\r\n\r\n")
        await visit.until_gone()

    there.answers["/"] = endless
    got = await get(internet, f"http://{HOST}/")
    assert (got.body, got.cut, got.size) == (b"", True, 5_000_000_000)


async def test_a_cancelled_fetch_closes_its_connection(internet: Internet, there: Site, tasks: TaskOwner) -> None:
    gone = asyncio.Event()

    async def silent(visit: Visit) -> None:
        await visit.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nContent-Type: text/plain\r\n\r\nbegun")
        await visit.until_gone()
        gone.set()

    there.answers["/"] = silent
    fetching = tasks.start(get(internet, f"http://{HOST}/"), "fetch")
    await there.came.wait()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
    await gone.wait()


async def test_no_more_fetches_go_at_once_than_the_settings_say(
    internet: Internet, there: Site, tasks: TaskOwner
) -> None:
    go = asyncio.Event()

    async def wait(visit: Visit) -> None:
        await go.wait()
        await visit.send(ok(b"done"))

    there.answers["/"] = wait
    settings = WebSettings(**built_in("web", {"at_once_max": 1}))
    web = WebClient(settings, Executors(), internet.network)
    both = [
        tasks.start(web.fetch(parse_url(f"http://{HOST}/", settings), SERVER, save=False), str(i)) for i in range(2)
    ]
    await there.came.wait()
    assert len(internet.dialled) == 1
    go.set()
    assert [(await one).body for one in both] == [b"done", b"done"]
