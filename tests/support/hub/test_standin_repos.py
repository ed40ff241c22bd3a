"""Stand-in repositories: the real huggingface_hub finds what it put there."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from tests.support.hub.standin_hub import StandinHub, standin_hub
from tests.support.network.http_client import http_client


@pytest.fixture
async def hub() -> AsyncIterator[StandinHub]:
    async with standin_hub() as stand_in:
        stand_in.users.update({"hf_a": "alice", "hf_b": "bob"})
        yield stand_in


async def ask(hub: StandinHub, call: Callable[[HfApi], Any], token: str = "hf_a") -> Any:
    """The real client in a thread, as somebody."""
    return await asyncio.to_thread(call, HfApi(endpoint=hub.url, token=token))


async def upload(hub: StandinHub, repo_id: str, path: str, data: bytes, token: str = "hf_a", **more: Any) -> Any:
    def call(api: HfApi) -> Any:
        return api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id=repo_id, **more)

    return await ask(hub, call, token)


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
async def test_a_repository_of_each_kind_is_made_once_and_deleted(hub: StandinHub, kind: Any) -> None:
    sdk = {"space_sdk": "docker"} if kind == "space" else {}
    made = await ask(hub, lambda api: api.create_repo("alice/new", repo_type=kind, private=True, **sdk))
    assert (made.repo_id, made.repo_type) == ("alice/new", kind)
    again = await ask(hub, lambda api: api.create_repo("alice/new", repo_type=kind, exist_ok=True, **sdk))
    assert again == made and hub.repos.repo(kind, "alice/new").private
    with pytest.raises(HfHubHTTPError):
        await ask(hub, lambda api: api.create_repo("alice/new", repo_type=kind, **sdk))
    await ask(hub, lambda api: api.delete_repo("alice/new", repo_type=kind))
    assert not await ask(hub, lambda api: api.repo_exists("alice/new", repo_type=kind))


async def test_files_go_up_are_listed_and_come_down_again(hub: StandinHub, tmp_path: Path) -> None:
    hub.repos.store.create("dataset", "alice/d", private=False, by="alice")
    await upload(hub, "alice/d", "deep/er/a b.txt", b"one", repo_type="dataset")
    await upload(hub, "alice/d", "top.txt", b"two", repo_type="dataset")
    listed = await ask(hub, lambda api: list(api.list_repo_tree("alice/d", repo_type="dataset", recursive=True)))
    assert {"deep", "deep/er", "deep/er/a b.txt", "top.txt"} <= {entry.path for entry in listed}
    below = await ask(hub, lambda api: list(api.list_repo_tree("alice/d", "deep/er", repo_type="dataset")))
    assert [(entry.path, entry.size) for entry in below] == [("deep/er/a b.txt", 3)]
    with pytest.raises(EntryNotFoundError):
        await ask(hub, lambda api: list(api.list_repo_tree("alice/d", "nowhere", repo_type="dataset")))
    info = await ask(hub, lambda api: api.get_paths_info("alice/d", ["top.txt", "none"], repo_type="dataset"))
    assert [entry.path for entry in info] == ["top.txt"]
    got = await ask(
        hub,
        lambda api: api.hf_hub_download(
            "alice/d", "deep/er/a b.txt", repo_type="dataset", cache_dir=tmp_path / "cache"
        ),
    )
    assert Path(got).read_bytes() == b"one"
    with pytest.raises(EntryNotFoundError):
        await ask(hub, lambda api: api.hf_hub_download("alice/d", "no", repo_type="dataset", cache_dir=tmp_path))


async def test_one_commit_adds_and_deletes_and_says_nothing_if_nothing_changed(hub: StandinHub) -> None:
    repo = hub.repos.store.put("model", "alice/m", {"old.txt": b"x", "folder/a": b"1", "folder/b": b"2"})
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        CommitOperationAdd("new.txt", b"new"),
        CommitOperationDelete("old.txt"),
        CommitOperationDelete("folder/"),
    ]
    await ask(hub, lambda api: api.create_commit("alice/m", operations, commit_message="all at once"))
    assert set(repo.files) == {".gitattributes", "new.txt"}
    commits = await ask(hub, lambda api: api.list_repo_commits("alice/m"))
    assert [commit.title for commit in commits] == ["all at once", "put files", "initial commit"]
    await upload(hub, "alice/m", "new.txt", b"new")
    assert len(await ask(hub, lambda api: api.list_repo_commits("alice/m"))) == 3
    with pytest.raises(HfHubHTTPError):
        await ask(hub, lambda api: api.delete_file("none.txt", "alice/m"))


async def test_branches_tags_and_proposals_point_at_commits(hub: StandinHub) -> None:
    repo = hub.repos.store.put("model", "alice/m", {"a": b"main"})
    await ask(hub, lambda api: api.create_branch("alice/m", branch="feature/x"))
    await upload(hub, "alice/m", "a", b"branch", revision="feature/x")
    await ask(hub, lambda api: api.create_tag("alice/m", tag="v1", revision="feature/x"))
    assert (repo.files["a"], repo.tags["v1"].files["a"]) == (b"main", b"branch")
    proposed = await upload(hub, "alice/m", "a", b"better", token="hf_b", create_pr=True, commit_message="Better")
    assert proposed.pr_num == 1 and repo.files["a"] == b"main"
    refs = await ask(hub, lambda api: api.list_repo_refs("alice/m", include_pull_requests=True))
    assert [branch.name for branch in refs.branches] == ["main", "feature/x"]
    assert [tag.ref for tag in refs.tags] == ["refs/tags/v1"]
    assert [pull.ref for pull in refs.pull_requests] == ["refs/pr/1"]
    pulls = await ask(hub, lambda api: list(api.get_repo_discussions("alice/m")))
    assert [(pull.num, pull.title, pull.author) for pull in pulls] == [(1, "Better", "bob")]
    details = await ask(hub, lambda api: api.get_discussion_details("alice/m", 1))
    assert details.target_branch == "refs/heads/main"
    assert (await ask(hub, lambda api: api.repo_info("alice/m", revision="refs/pr/1"))).sha == proposed.oid
    await ask(hub, lambda api: api.delete_branch("alice/m", branch="feature/x"))
    await ask(hub, lambda api: api.delete_tag("alice/m", tag="v1"))
    with pytest.raises(RevisionNotFoundError):
        await ask(hub, lambda api: list(api.list_repo_tree("alice/m", revision="v1")))


async def test_private_repositories_are_visible_to_their_owner_alone(hub: StandinHub) -> None:
    hub.repos.store.put("dataset", "alice/secret", {"a": b"1"}, private=True)
    hub.repos.store.put("dataset", "alice/open", {"a": b"1"})
    with pytest.raises(RepositoryNotFoundError):
        await ask(hub, lambda api: api.dataset_info("alice/secret"), "hf_b")
    with pytest.raises(HfHubHTTPError, match="403"):
        await upload(hub, "alice/open", "a", b"2", token="hf_b", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="401"):
        await upload(hub, "alice/open", "a", b"2", token="hf_nobody", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="403"):
        await ask(hub, lambda api: api.create_repo("alice/mine", repo_type="dataset"), "hf_b")


async def test_faults_are_injected_as_often_and_where_requested(hub: StandinHub) -> None:
    hub.repos.store.put("model", "alice/m", {"a": b"1"})
    hub.faults.fail(503, times=2, path="/commit/", method="POST")
    for _ in range(2):
        with pytest.raises(HfHubHTTPError, match="503"):
            await upload(hub, "alice/m", "a", b"2")
    await upload(hub, "alice/m", "a", b"2")
    assert [request.token for request in hub.faults.requests("/commit/")] == ["hf_a"] * 3
    hub.faults.cut(path="/refs")
    with pytest.raises(Exception, match="peer closed connection"):  # of httpx, or of httpx2 from 2.0 on
        await ask(hub, lambda api: api.list_repo_refs("alice/m"))
    silence = hub.faults.hang(path="/refs")
    waiting = asyncio.gather(ask(hub, lambda api: api.list_repo_refs("alice/m")))
    await silence.came.wait()
    assert not waiting.done()
    silence.let_go.set()
    assert [branch.name for branch in (await waiting)[0].branches] == ["main"]


async def test_a_part_of_a_file_can_be_read(hub: StandinHub) -> None:
    hub.repos.store.put("model", "alice/m", {"a": b"0123456789"})
    async with http_client(hub.url) as http:
        part = await http.get("/alice/m/resolve/main/a", headers={"Range": "bytes=2-4"})
        rest = await http.get("/alice/m/resolve/main/a", headers={"Range": "bytes=8-"})
    assert (part.status_code, part.content, rest.content) == (206, b"234", b"89")
