"""Pinned transport: what a user's address leads to is checked for each request, and no other address is connected to."""

from pathlib import Path

import httpx2
import pytest

from agent.tools.mcp.incoming.errors import McpServerError
from agent.util.names import Reach
from agent.util.pinned_transport import PinnedTransport
from tests.unit.agent.tools.web.internet import Authority, Internet, ok, redirect, site

HOME = "127.0.0.1"


def client(internet: Internet, *, allow_private: bool = True) -> httpx2.AsyncClient:
    reach = Reach(internet.resolve, allow_private)
    transport = PinnedTransport(reach, internet.tls(), 5.0, McpServerError)
    return httpx2.AsyncClient(transport=transport, follow_redirects=True)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00::1", "::ffff:10.0.0.1"])
async def test_no_address_inside_is_connected_to_whatever_name_leads_there(address: str) -> None:
    internet = Internet()
    internet.name("shop.example", ["93.184.216.34", address])
    async with client(internet, allow_private=False) as http:
        with pytest.raises(McpServerError, match=r"shop\.example leads to .*public addresses alone"):
            await http.post("http://shop.example/mcp")


async def test_the_address_that_was_checked_is_connected_to_by_the_name_of_the_host(tmp_path: Path) -> None:
    internet, authority = Internet(), Authority(tmp_path)
    internet.tls = authority.trusting
    internet.name("shop.example", [HOME], ["169.254.169.254"])
    internet.name("other.example", [HOME])
    async with site(internet, tls=authority.server("shop.example")) as here:
        here.answers["/mcp"] = ok(b"here")
        async with client(internet) as http:
            assert (await http.get(f"https://shop.example:{here.port}/mcp")).text == "here"
            assert here.visits[0].headers["host"] == f"shop.example:{here.port}"
            assert internet.looked_up == ["shop.example"]
            with pytest.raises(McpServerError, match="leads to"):  # the name's second answer
                await http.get(f"https://shop.example:{here.port}/mcp")
        async with client(internet) as http:
            with pytest.raises(httpx2.ConnectError, match=r"(?i)certificate"):
                await http.get(f"https://other.example:{here.port}/mcp")


async def test_a_redirect_is_checked_too_and_the_next_address_is_tried_where_one_does_not_answer() -> None:
    internet = Internet()
    internet.name("shop.example", ["127.0.0.2", HOME])
    internet.name("inside.example", ["169.254.169.254"])
    async with site(internet) as here, client(internet) as http:
        here.answers["/away"] = redirect("http://inside.example/")
        here.answers["/near"] = redirect("/mcp")
        here.answers["/mcp"] = ok(b"here")
        assert (await http.get(f"http://shop.example:{here.port}/near")).text == "here"
        with pytest.raises(McpServerError, match=r"inside\.example leads to"):
            await http.get(f"http://shop.example:{here.port}/away")
        with pytest.raises(httpx2.ConnectError, match="cannot be looked up"):
            await http.get("http://nowhere.example/")
