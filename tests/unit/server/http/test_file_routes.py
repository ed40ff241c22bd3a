"""Files over HTTP: up to a session's workspace and down from it, by the workspace's own rules."""

import contextlib
import io
import os
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from tests.support.application import settings_for
from tests.support.live import Live, client, listening
from tests.support.network.http_client import http_client
from tests.support.polling import eventually


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Live]:
    async with listening(settings_for(tmp_path, workspace={"upload_bytes_max": 2_000_000})) as server:
        yield server


@pytest.fixture
async def files(live: Live) -> AsyncIterator[httpx.AsyncClient]:
    """An HTTP client at a session's files."""
    async with client(live) as one:
        session_id = (await one.synced()).ready.session_id
        base = f"{live.http}/api/sessions/{session_id}/files/"
        async with http_client(base) as http:
            yield http


async def test_an_uploaded_file_is_downloaded_byte_for_byte(files: httpx.AsyncClient) -> None:
    data = bytes(range(256)) * 5_000
    made = await files.put("data/owls%20%F0%9F%A6%89.bin", content=data)
    assert (made.status_code, made.json()) == (201, {"path": "data/owls 🦉.bin", "size": len(data), "replaced": False})
    again = await files.put("data/owls%20%F0%9F%A6%89.bin", content=data[1:])
    assert (again.status_code, again.json()["replaced"]) == (200, True)
    got = await files.get("data/owls%20%F0%9F%A6%89.bin")
    assert got.content == data[1:]


async def test_an_upload_that_may_replace_nothing_leaves_the_file_that_is_there(files: httpx.AsyncClient) -> None:
    only = {"if-none-match": "*"}
    assert (await files.put("same.txt", content=b"first", headers=only)).status_code == 201
    refused = await files.put("same.txt", content=b"second", headers=only)
    assert (refused.status_code, refused.json()["code"]) == (412, "file_exists")
    assert (await files.get("same.txt")).content == b"first"
    assert (await files.put("same.txt", content=b"third")).json()["replaced"]


async def test_files_are_listed(files: httpx.AsyncClient) -> None:
    base = str(files.base_url).rstrip("/")
    assert (await files.get(base)).json() == {"files": [], "more": False}
    await files.put("a/b.txt", content=b"hello")
    listed = (await files.get(base)).json()["files"]
    assert [(one["path"], one["kind"], one["size"]) for one in listed] == [("a", "folder", 0), ("a/b.txt", "file", 5)]
    assert all(abs(one["modified"] - time.time()) < 60 for one in listed)


async def test_a_file_is_sent_as_a_download_and_never_as_a_page(files: httpx.AsyncClient) -> None:
    await files.put("evil.html", content=b"<script>alert(1)</script>")
    got = await files.get("evil.html")
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"] == "attachment; filename*=UTF-8''evil.html"
    assert got.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in got.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["..%2F..%2Fjournal.db", "%2Fetc%2Fpasswd", "a%2F..%2F..%2Fb", "a%00b", "folder%2F"])
async def test_a_path_outside_of_the_workspace_is_refused(files: httpx.AsyncClient, path: str) -> None:
    put, got = await files.put(path, content=b"x"), await files.get(path)
    assert put.status_code in (400, 404)
    assert got.status_code in (400, 404)


async def test_a_link_in_the_workspace_is_not_followed(files: httpx.AsyncClient, tmp_path: Path) -> None:
    await files.put("a.txt", content=b"x")
    (folder,) = (tmp_path / "workspaces").iterdir()
    (tmp_path / "outside.txt").write_text("secret")
    (folder / "link").symlink_to(tmp_path / "outside.txt")
    got = await files.get("link")
    assert got.status_code == 404
    assert "links are not followed" in got.json()["message"]


async def test_a_file_that_is_too_large_is_refused_with_and_without_a_length(files: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield bytes(100_000)

    for content in (bytes(2_000_001), endless()):
        refused = await files.put("big", content=content)
        assert (refused.status_code, refused.json()["code"]) == (413, "too_large")
        assert "workspace.upload_bytes_max" in refused.json()["message"]


async def test_a_missing_file_is_404(files: httpx.AsyncClient) -> None:
    got = await files.get("nothing.txt")
    assert (got.status_code, got.json()["code"]) == (404, "not_found")
    assert "nothing.txt" in got.json()["message"]


@pytest.mark.parametrize(
    "name", ["Screenshot 9.41.00\u202fAM.png", "a\u00a0b", "a\u3000b", "\U0001f469\u200d\U0001f4bb.txt"]
)
async def test_a_file_of_an_ordinary_name_is_uploaded_and_downloaded(files: httpx.AsyncClient, name: str) -> None:
    put = await files.put(quote(name), content=b"x")
    assert (put.status_code, put.json()["path"]) == (201, name)
    assert (await files.get(quote(name))).content == b"x"


@pytest.mark.parametrize("name", ["a\nb", "a\x85b", "a\u2028b", "a\u2029b"], ids=ascii)
async def test_a_name_with_a_control_character_or_a_line_separator_is_refused(
    files: httpx.AsyncClient, name: str
) -> None:
    assert (await files.put(quote(name), content=b"x")).status_code == 400


async def test_a_file_whose_name_is_not_utf_8_is_listed_downloaded_and_deleted(
    files: httpx.AsyncClient, tmp_path: Path
) -> None:
    await files.put("a.txt", content=b"x")
    (folder,) = (tmp_path / "workspaces").iterdir()
    Path(os.fsdecode(bytes(folder) + b"/caf\xe9\n.txt")).write_bytes(b"coffee")
    listed = await files.get(str(files.base_url).rstrip("/"))
    assert (listed.status_code, [one["path"] for one in listed.json()["files"]]) == (
        200,
        ["a.txt", "caf\\xe9\\x0a.txt"],
    )
    path = quote(listed.json()["files"][1]["path"])
    assert (await files.get(path)).content == b"coffee"
    assert (await files.delete(path)).status_code == 204
    assert os.listdir(folder) == ["a.txt"]


async def test_a_file_is_deleted_once_and_a_folder_when_it_is_empty(files: httpx.AsyncClient) -> None:
    await files.put("a/b.txt", content=b"x")
    assert (await files.delete("a")).status_code == 400
    assert (await files.delete("a/b.txt")).status_code == 204
    again = await files.delete("a/b.txt")
    assert (again.status_code, again.json()["code"]) == (404, "not_found")
    assert (await files.delete("a")).status_code == 204


async def test_a_folder_is_downloaded_as_a_zip(files: httpx.AsyncClient) -> None:
    large = os.urandom(700_000)
    for path, data in (("a.txt", b"a"), ("data/b.bin", large), ("data/deep/owls%20%F0%9F%A6%89.txt", b"c")):
        assert (await files.put(path, content=data)).status_code == 201
    whole = await files.get("../archive")
    assert whole.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(whole.content)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["a.txt", "data/b.bin", "data/deep/owls 🦉.txt"]
        assert archive.read("data/b.bin") == large
    part = await files.get("../archive", params={"path": "data/deep"})
    assert "deep.zip" in part.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(part.content)) as archive:
        assert archive.namelist() == ["data/deep/owls 🦉.txt"]
    for path in ("nothing", "a.txt", "../.."):
        assert (await files.get("../archive", params={"path": path})).status_code == 404


async def test_archives_that_nobody_takes_are_few_and_give_their_places_back(files: httpx.AsyncClient) -> None:
    for number in range(5):
        await files.put(f"{number}.bin", content=os.urandom(1_900_000))
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(4):
            assert (await stack.enter_async_context(files.stream("GET", "../archive"))).status_code == 200
        refused = await files.get("../archive")
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")

    async def taken() -> bool:
        return (await files.get("../archive")).status_code == 200

    await eventually(taken)
