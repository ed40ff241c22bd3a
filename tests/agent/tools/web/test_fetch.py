"""One fetch against real servers: the pinned address, hop by hop, within time and bytes, and gone when it is cancelled."""

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from agent.tasks import TaskOwner
from agent.tools.web.settings import WebSettings
from agent.tools.web.tool import Web
from agent.tools.web.urls import WebRefused, parse_url
from tests.agent.tools.web.internet import PUBLIC, Authority, Internet, Site, Visit, ok, redirect, site

HOST = "site.example"


@pytest.fixture
def internet() -> Internet:
    made = Internet()
    made.name(HOST, [PUBLIC])
    return made


@pytest.fixture
async def there(internet: Internet) -> AsyncIterator[Site]:
    async with site(internet) as server:
        yield server


async def get(internet: Internet, url: str, *, save: bool = False, **settings: Any) -> Any:
    bounds = WebSettings(**settings)
    return await Web(bounds, internet.edges).fetch(parse_url(url, bounds), save=save)


async def refused(internet: Internet, url: str, why: str, **settings: Any) -> None:
    with pytest.raises(WebRefused, match=why):
        await get(internet, url, **settings)


# ------------------------------------------------------------------------------------------------- where it may lead


async def test_a_page_is_fetched_by_name_at_the_address_that_was_judged(internet: Internet, there: Site) -> None:
    there.answers["/a?b=c"] = ok(b"hello")
    got = await get(internet, f"http://{HOST}/a?b=c")
    assert (got.status, got.body, got.cut, got.size) == (200, b"hello", False, 5)
    (visit,) = there.visits
    assert visit.headers["host"] == HOST
    assert not {"cookie", "authorization", "referer", "proxy-authorization"} & visit.headers.keys()
    assert (internet.looked_up, internet.dialled) == ([HOST], [(PUBLIC, 80)])


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        ["fe80::1%2"],
        [PUBLIC, "127.0.0.1"],
        ["192.168.0.1", PUBLIC],
    ],
)
async def test_a_name_that_leads_inside_even_with_one_of_its_addresses_is_not_connected_to(
    internet: Internet, addresses: list[str]
) -> None:
    internet.name("inside.example", addresses)
    await refused(internet, "http://inside.example/", "inside.example leads to")
    assert internet.dialled == []


async def test_a_name_that_answers_differently_the_second_time_gains_nothing(internet: Internet, there: Site) -> None:
    there.answers["/"] = ok(b"public")
    internet.name("rebinds.example", [PUBLIC], ["127.0.0.1"])
    assert (await get(internet, "http://rebinds.example/")).body == b"public"
    assert internet.looked_up == ["rebinds.example"]
    await refused(internet, "http://rebinds.example/", "leads to a private address")


async def test_a_name_that_rebinds_between_two_hops_is_refused_at_the_second(internet: Internet, there: Site) -> None:
    internet.name("rebinds.example", [PUBLIC], ["127.0.0.1"])
    there.answers["/"] = redirect("/inside")
    await refused(internet, "http://rebinds.example/", "leads to a private address")
    assert internet.dialled == [(PUBLIC, 80)]


async def test_the_next_address_is_tried_where_the_first_does_not_answer(internet: Internet, there: Site) -> None:
    there.answers["/"] = ok(b"hello")
    internet.name("two.example", ["2606:2800:220:1::1", PUBLIC])
    assert (await get(internet, "http://two.example/")).body == b"hello"
    assert internet.dialled == [("2606:2800:220:1::1", 80), (PUBLIC, 80)]


async def test_an_unknown_name_and_a_host_where_nobody_listens_are_told(internet: Internet) -> None:
    await refused(internet, "http://nowhere.example/", "cannot be looked up")
    await refused(internet, f"http://{HOST}:81/", f"{HOST} cannot be connected to")


@pytest.mark.parametrize(
    ("location", "why"),
    [
        ("http://127.0.0.1/secret", "private address"),
        ("http://localhost/secret", "this machine"),
        ("http://169.254.169.254/latest/meta-data/", "special address"),
        ("http://[::1]/", "private address"),
        ("http://2130706433/", "odd spelling"),
        ("file:///etc/passwd", "only http and https"),
        ("//10.0.0.1/", "private address"),
        ("http://ada:secret@site.example/", "user name or a password"),
    ],
)
async def test_a_redirect_inside_is_refused_also_where_redirects_are_followed_everywhere(
    internet: Internet, there: Site, location: str, why: str
) -> None:
    there.answers["/"] = redirect(location)
    await refused(
        internet, f"http://{HOST}/", f"redirects to where it may not be followed: .*{why}", follow_to_other_hosts=True
    )
    assert len(there.visits) == len(internet.dialled) == 1


async def test_a_redirect_to_a_name_that_leads_inside_is_refused_at_the_dial(internet: Internet, there: Site) -> None:
    internet.name("inside.example", ["10.0.0.1"])
    there.answers["/"] = redirect("http://inside.example/")
    await refused(internet, f"http://{HOST}/", "inside.example leads to", follow_to_other_hosts=True)
    assert internet.dialled == [(PUBLIC, 80)]


async def test_a_redirect_on_the_same_host_is_followed_and_one_elsewhere_is_told(
    internet: Internet, there: Site
) -> None:
    internet.name("other.example", [PUBLIC])
    there.answers |= {"/": redirect("/a/./b"), "/a/b": redirect("http://other.example/c"), "/c": ok(b"there")}
    got = await get(internet, f"http://{HOST}/")
    assert (got.leads_to, got.body) == ("http://other.example/c", b"")
    assert [visit.path for visit in there.visits] == ["/", "/a/b"]
    followed = await get(internet, f"http://{HOST}/", follow_to_other_hosts=True)
    assert (followed.url, followed.body) == ("http://other.example/c", b"there")


async def test_redirects_have_an_end(internet: Internet, there: Site) -> None:
    there.answers["/"] = redirect("/")
    await refused(internet, f"http://{HOST}/", "more than 3 redirects", redirects_max=3)
    assert len(there.visits) == 4


async def test_hosts_that_the_settings_deny_are_denied_to_redirects_too(internet: Internet, there: Site) -> None:
    there.answers["/"] = redirect("http://bad.example/")
    await refused(internet, f"http://{HOST}/", "denied_hosts", denied_hosts=["bad.example"], follow_to_other_hosts=True)


async def test_proxies_of_the_environment_are_not_asked(
    internet: Internet, there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    there.answers["/"] = ok(b"direct")
    assert (await get(internet, f"http://{HOST}/")).body == b"direct"


async def test_this_machine_is_reached_by_the_systems_own_resolver_where_the_settings_say_so(there: Site) -> None:
    there.answers["/"] = ok(b"local")
    settings = WebSettings(allow_private_networks=True)
    for host in ("127.0.0.1", "localhost"):
        got = await Web(settings).fetch(parse_url(f"http://{host}:{there.port}/", settings), save=False)
        assert got.body == b"local"
    with pytest.raises(WebRefused, match="leads to a private address"):
        await Web(WebSettings()).fetch(parse_url(f"http://localhost:{there.port}/", settings), save=False)


# --------------------------------------------------------------------------------------------------------------- TLS


async def test_the_certificate_is_for_the_name_though_the_address_is_dialled(
    internet: Internet, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    internet.tls = authority.trusting
    async with site(internet, port=443, tls=authority.server(HOST)) as there:
        there.answers["/"] = ok(b"safe")
        assert (await get(internet, f"https://{HOST}/")).body == b"safe"
        internet.name("other.example", [PUBLIC])
        await refused(internet, "https://other.example/", "could not prove that it is other.example")
        assert len(there.visits) == 1


async def test_a_certificate_for_the_address_does_not_do_for_the_name(internet: Internet, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    internet.tls = authority.trusting
    async with site(internet, port=443, tls=authority.server(PUBLIC)) as there:
        await refused(internet, f"https://{HOST}/", "could not prove")
        assert there.visits == []


async def test_a_certificate_of_an_unknown_authority_is_refused(internet: Internet, tmp_path: Path) -> None:
    async with site(internet, port=443, tls=Authority(tmp_path).server(HOST)) as there:
        await refused(internet, f"https://{HOST}/", "could not prove")
        assert there.visits == []


# ------------------------------------------------------------------------------------------------------------ bounds


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
    said = "gzip" if encoding == "gzip" else "deflate"
    there.answers["/"] = ok(packed[encoding], "text/plain", f"Content-Encoding: {said}")
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
async def test_an_answer_that_is_not_whole_is_said_to_be_so(
    internet: Internet, there: Site, answer: bytes, why: str
) -> None:
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
    settings = WebSettings(at_once_max=1)
    web = Web(settings, internet.edges)
    both = [tasks.start(web.fetch(parse_url(f"http://{HOST}/", settings), save=False), str(i)) for i in range(2)]
    await there.came.wait()
    assert len(internet.dialled) == 1
    go.set()
    assert [(await one).body for one in both] == [b"done", b"done"]
