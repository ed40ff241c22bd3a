"""`hf_repo`: each operation, as the owner, on repositories behind the real library."""

import asyncio
import threading
from collections.abc import Callable

import pytest

from tests.support.hub.standin_hub import StandinHub
from tests.unit.agent.tools.hub.sessions import Session

Make = Callable[..., Session]
OF_THE_LIBRARY = pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
"""How huggingface_hub calls httpx when it sends a large file is not ours to mend."""


@pytest.fixture(autouse=True)
def _repos(hub: StandinHub) -> None:
    files = {"README.md": b"# Hello\n\x1b[31mred\x1b[0m\n", "data/a.csv": b"x,y\n1,2\n", "data/b.bin": b"\x00\x01"}
    hub.repos.store.put("model", "alice/m", files)
    hub.repos.store.put("dataset", "alice/secret", {"rows.txt": b"mine"}, private=True)


async def test_files_are_listed_folder_by_folder_or_all(session: Make) -> None:
    one = session("")
    top = await one.output("hf_repo", operation="list", repo="alice/m")
    assert top.split("\n") == ["data/", ".gitattributes (17 bytes)", "README.md (21 bytes)"]
    below = await one.output("hf_repo", operation="list", repo="alice/m", path="data/")
    assert below.split("\n") == ["data/a.csv (8 bytes)", "data/b.bin (2 bytes)"]
    assert "data/b.bin" in await one.output("hf_repo", operation="list", repo="alice/m", recursive=True)


async def test_a_long_listing_is_cut(session: Make, hub: StandinHub) -> None:
    hub.repos.store.put("model", "bob/many", {f"f{number:03}": b"" for number in range(50)})
    result = await session(listed_max=10).run("hf_repo", operation="list", repo="bob/many")
    assert result.success and result.truncated and "[the first 10 are shown" in result.output


async def test_text_is_read_in_pieces_and_cleaned(session: Make) -> None:
    one = session()
    assert await one.output("hf_repo", operation="read", repo="alice/m", path="README.md") == "# Hello\nred\n"
    line = await one.output("hf_repo", operation="read", repo="alice/m", path="data/a.csv", offset=2, limit=1)
    assert line.startswith("1,2")
    assert "is a binary file" in await one.refused("hf_repo", operation="read", repo="alice/m", path="data/b.bin")


async def test_of_a_large_file_the_beginning_is_read(session: Make, hub: StandinHub) -> None:
    hub.repos.store.put("model", "bob/large", {"big.txt": b"0123456789\n" * 100_000})
    one = session(read_bytes_max=65_536, answer_bytes_max=65_536 * 4)
    result = await one.run("hf_repo", operation="read", repo="bob/large", path="big.txt", limit=3)
    assert result.success and result.truncated and "of 1100000 bytes can be shown" in result.output


async def test_a_private_repository_is_read_by_its_owner_alone(session: Make, hub: StandinHub) -> None:
    arguments = {"operation": "read", "repo": "alice/secret", "repo_type": "dataset", "path": "rows.txt"}
    assert await session("alice").output("hf_repo", **arguments) == "mine"
    assert "or it is private" in await session("bob").refused("hf_repo", **arguments)
    assert "nobody is logged in" in await session("").refused("hf_repo", **arguments)


async def test_a_file_of_the_workspace_goes_up_and_comes_down(session: Make, hub: StandinHub) -> None:
    one = session()
    one.workspace.write("out/result.bin", b"\x00\xff", threading.Event())
    output = await one.output(
        "hf_repo", operation="upload", repo="alice/m", path="results/1.bin", file="out/result.bin", title="Results"
    )
    repo = hub.repos.repo("model", "alice/m")
    assert repo.files["results/1.bin"] == b"\x00\xff" and repo.branches["main"].title == "Results"
    assert f"{hub.url}/alice/m/commit/{repo.branches['main'].oid}" in output


@OF_THE_LIBRARY
async def test_a_large_file_goes_to_the_object_store_without_a_token(session: Make, hub: StandinHub) -> None:
    hub.repos.lfs.enabled = True
    one = session()
    one.workspace.write("weights.bin", b"\x00" * 100_000, threading.Event())
    await one.output("hf_repo", operation="upload", repo="alice/m", path="weights.bin", file="weights.bin")
    assert hub.repos.repo("model", "alice/m").files["weights.bin"] == b"\x00" * 100_000
    (stored,) = hub.faults.requests("/object-store/")
    assert stored.token == ""


@OF_THE_LIBRARY
@pytest.mark.parametrize("status", [403, 500])
async def test_a_refusal_of_the_object_store_is_reported(session: Make, hub: StandinHub, status: int) -> None:
    hub.repos.lfs.enabled = True
    hub.faults.fail(status, path="/object-store/")
    one = session()
    one.workspace.write("weights.bin", b"\x00", threading.Event())
    output = await one.refused("hf_repo", operation="upload", repo="alice/m", path="weights.bin", file="weights.bin")
    assert f"({status})" in output and not hub.faults.requests("/commit/")
    assert len(hub.faults.requests("/object-store/")) == 1


async def test_text_goes_up_to_a_branch(session: Make, hub: StandinHub) -> None:
    one = session()
    await one.output("hf_repo", operation="create_branch", repo="alice/m", name="dev")
    await one.output("hf_repo", operation="upload", repo="alice/m", path="README.md", text="new", revision="dev")
    repo = hub.repos.repo("model", "alice/m")
    assert repo.branches["dev"].files["README.md"] == b"new" and repo.files["README.md"] != b"new"


async def test_a_file_that_cannot_be_read_whole_is_not_uploaded(session: Make, hub: StandinHub) -> None:
    one = session(upload_bytes_max=10)
    one.workspace.write("large.txt", b"x" * 11, threading.Event())
    output = await one.refused("hf_repo", operation="upload", repo="alice/m", path="x", file="large.txt")
    assert "large.txt has 11 bytes, and this tool uploads 10 at most" in output
    assert "no" in await one.refused("hf_repo", operation="upload", repo="alice/m", path="x", file="none.txt")
    assert "at most 10 bytes" in one.unfit("hf_repo", operation="upload", repo="alice/m", path="x", text="x" * 11)
    assert not hub.faults.received
    await one.output("hf_repo", operation="branches", repo="alice/m")


async def test_a_readme_whose_metadata_is_wrong_is_not_sent(session: Make, hub: StandinHub) -> None:
    text = "---\ntags: [a\n---\n"
    output = await session().refused("hf_repo", operation="upload", repo="alice/m", path="README.md", text=text)
    assert "the files cannot be committed: Invalid metadata in README.md" in output
    assert not hub.faults.requests("/commit/")


async def test_files_and_folders_are_deleted_by_name_alone(session: Make, hub: StandinHub) -> None:
    one = session()
    await one.output("hf_repo", operation="delete", repo="alice/m", paths=["data/a.csv"])
    repo = hub.repos.repo("model", "alice/m")
    assert "data/a.csv" not in repo.files and "data/b.bin" in repo.files
    assert "(404)" in await one.refused("hf_repo", operation="delete", repo="alice/m", paths=["data/*"])
    await one.output("hf_repo", operation="delete", repo="alice/m", paths=["data/", "README.md"])
    assert set(repo.files) == {".gitattributes"}


async def test_a_repository_is_created_private_by_default(session: Make, hub: StandinHub) -> None:
    one = session()
    assert "alice/new" in await one.output("hf_repo", operation="create", repo="alice/new", repo_type="dataset")
    assert hub.repos.repo("dataset", "alice/new").private
    await one.output("hf_repo", operation="create", repo="alice/ui", repo_type="space", space_sdk="docker", public=True)
    assert not hub.repos.repo("space", "alice/ui").private
    assert "there already" in await one.refused("hf_repo", operation="create", repo="alice/new", repo_type="dataset")


async def test_branches_and_tags_are_made_listed_and_deleted(session: Make, hub: StandinHub) -> None:
    one = session()
    oid = hub.repos.repo("model", "alice/m").branches["main"].oid
    assert await one.output("hf_repo", operation="tags", repo="alice/m") == "[no tags]"
    await one.output("hf_repo", operation="create_tag", repo="alice/m", name="v1.0", message="first")
    await one.output("hf_repo", operation="create_branch", repo="alice/m", name="try/this", revision="v1.0")
    assert f"| v1.0 | {oid} |" in await one.output("hf_repo", operation="tags", repo="alice/m")
    branches = await one.output("hf_repo", operation="branches", repo="alice/m")
    assert f"| main | {oid} |" in branches and f"| try/this | {oid} |" in branches
    assert "there already" in await one.refused("hf_repo", operation="create_tag", repo="alice/m", name="v1.0")
    await one.output("hf_repo", operation="delete_tag", repo="alice/m", name="v1.0")
    await one.output("hf_repo", operation="delete_branch", repo="alice/m", name="try/this")
    repo = hub.repos.repo("model", "alice/m")
    assert not repo.tags and list(repo.branches) == ["main"]


async def test_a_change_is_proposed_discussed_and_merged(session: Make, hub: StandinHub) -> None:
    alice, bob = session("alice"), session("bob")
    output = await bob.output(
        "hf_repo", operation="upload", repo="alice/m", path="README.md", text="# Better\n", title="Better", as_pr=True
    )
    assert f"proposed in {hub.url}/alice/m/discussions/1" in output
    await bob.output("hf_repo", operation="comment", repo="alice/m", number=1, message="Please \x07look")
    listed = await alice.output("hf_repo", operation="prs", repo="alice/m")
    assert "| 1 | pull request | open | Better | bob |" in listed
    seen = await alice.output("hf_repo", operation="pr", repo="alice/m", number=1)
    assert "refs/pr/1 into refs/heads/main" in seen and "bob, 2026-01-01 00:00:\nPlease look" in seen
    assert "```diff\n--- README.md" in seen and "+# Better" in seen
    assert "(403)" in await bob.refused("hf_repo", operation="merge", repo="alice/m", number=1)
    await alice.output("hf_repo", operation="merge", repo="alice/m", number=1)
    assert hub.repos.repo("model", "alice/m").files["README.md"] == b"# Better\n"
    assert await alice.output("hf_repo", operation="prs", repo="alice/m", status="open") == "[no pull requests]"


async def test_a_pull_request_is_opened_filled_closed_and_reopened(session: Make, hub: StandinHub) -> None:
    one = session()
    made = await one.output("hf_repo", operation="create_pr", repo="alice/m", title="Idea", message="Why not")
    assert "opened pull request 1, a draft: upload to its revision refs/pr/1" in made
    await one.output("hf_repo", operation="upload", repo="alice/m", path="new.txt", text="x", revision="refs/pr/1")
    assert hub.repos.repo("model", "alice/m").pull_heads[1].files["new.txt"] == b"x"
    await one.output("hf_repo", operation="close_pr", repo="alice/m", number=1)
    assert "closed" in await one.output("hf_repo", operation="prs", repo="alice/m", status="closed")
    await one.output("hf_repo", operation="reopen_pr", repo="alice/m", number=1)
    seen = await one.output("hf_repo", operation="pr", repo="alice/m", number=1)
    assert "Why not" in seen and "made it closed" in seen and "made it open" in seen


async def test_a_long_pull_request_is_cut(session: Make, hub: StandinHub) -> None:
    one = session(view_chars_max=2_000)
    text = "\n".join(f"line {number}" for number in range(2_000))
    await one.output("hf_repo", operation="upload", repo="alice/m", path="long.txt", text=text, as_pr=True)
    result = await one.run("hf_repo", operation="pr", repo="alice/m", number=1)
    assert result.truncated and result.output.endswith("[cut here: it is longer]") and len(result.output) < 2_100


async def test_without_a_token_nothing_changes_and_the_error_says_how_to_log_in(session: Make, hub: StandinHub) -> None:
    nobody = session("")
    changes: list[dict[str, object]] = [
        {"operation": "upload", "path": "x", "text": "x"},
        {"operation": "delete", "paths": ["README.md"]},
        {"operation": "create"},
        {"operation": "create_branch", "name": "x"},
        {"operation": "delete_tag", "name": "x"},
        {"operation": "comment", "number": 1, "message": "x"},
        {"operation": "merge", "number": 1},
    ]
    for change in changes:
        assert "has to log in with Hugging Face" in await nobody.refused("hf_repo", repo="alice/m", **change)
    assert not hub.faults.received
    await nobody.output("hf_repo", operation="branches", repo="alice/m")


async def test_a_repository_of_another_user_is_not_changed(session: Make, hub: StandinHub) -> None:
    output = await session("bob").refused("hf_repo", operation="upload", repo="alice/m", path="x", text="x")
    assert "(403)" in output and "another scope" in output


async def test_a_hanging_upload_times_out_and_a_cut_one_is_reported(session: Make, hub: StandinHub) -> None:
    one = session(upload_timeout_s=1.0)
    hub.faults.hang(path="/commit/")
    output = await one.refused("hf_repo", operation="upload", repo="alice/m", path="x", text="x")
    assert "did not answer" in output and "may" in output
    hub.faults.heal()
    hub.faults.fail(500, path="/commit/")
    before = len(hub.faults.requests("/commit/"))
    assert "(500)" in await session().refused("hf_repo", operation="upload", repo="alice/m", path="y", text="y")
    assert len(hub.faults.requests("/commit/")) == before + 1


async def test_two_owners_upload_at_once_each_to_their_own(session: Make, hub: StandinHub) -> None:
    for user in ("alice", "bob"):
        hub.repos.store.put("dataset", f"{user}/d", {})
    users = {user: session(user) for user in ("alice", "bob")}
    await asyncio.gather(
        *(
            one.output("hf_repo", operation="upload", repo=f"{user}/d", repo_type="dataset", path=f"{n}", text=user)
            for user, one in users.items()
            for n in range(8)
        )
    )
    for user in users:
        repo = hub.repos.repo("dataset", f"{user}/d")
        assert {repo.files[f"{n}"] for n in range(8) if f"{n}" in repo.files} == {user.encode()}
        assert {commit.author for commit in repo.commits()} == {user}
