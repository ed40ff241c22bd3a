"""Fetch: the checked address is used, each redirect is checked, and TLS checks the name."""

from pathlib import Path

import pytest

from agent.tools.web.settings import WebSettings
from agent.tools.web.tool import WebClient
from agent.tools.web.urls import FetchError, parse_url
from agent.util.executors import Executors
from agent.util.places import SERVER
from tests.unit.agent.tools.web.internet import (
    HOST,
    PUBLIC,
    Authority,
    Internet,
    Site,
    get,
    ok,
    redirect,
    refused,
    site,
)

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


async def test_an_unknown_host_and_a_closed_port_are_reported(internet: Internet) -> None:
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


async def test_a_redirect_on_the_same_host_is_followed_and_another_is_reported(internet: Internet, there: Site) -> None:
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


async def test_proxies_of_the_environment_are_not_used(
    internet: Internet, there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    there.answers["/"] = ok(b"direct")
    assert (await get(internet, f"http://{HOST}/")).body == b"direct"


async def test_this_machine_is_reached_by_name_if_the_settings_allow_it(there: Site) -> None:
    there.answers["/"] = ok(b"local")
    settings = WebSettings(allow_private_networks=True)
    for host in ("127.0.0.1", "localhost"):
        got = await WebClient(settings, Executors()).fetch(
            parse_url(f"http://{host}:{there.port}/", settings), SERVER, save=False
        )
        assert got.body == b"local"
    with pytest.raises(FetchError, match="leads to a private address"):
        await WebClient(WebSettings(), Executors()).fetch(
            parse_url(f"http://localhost:{there.port}/", settings), SERVER, save=False
        )


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
