"""`hf_repo`, effects: what a call would do, as the policy and a person see it; and what a call lacks."""

from pathlib import Path

import pytest

from agent.policy.effects import Effects
from agent.sandbox.local.files import LocalFiles
from agent.tools import ToolRouter, Workspace, WorkspaceLimits
from agent.tools.hub import HUB_TOOL_NAMES, HubClient, HubSettings, hub_tools
from agent.util.places import SERVER
from tests.support.executors import disk, hub_threads, places
from tests.support.prepared_calls import complaint_of, effects_of


@pytest.fixture
def router() -> ToolRouter:
    settings = HubSettings()
    files = LocalFiles(Workspace(Path(), WorkspaceLimits()), disk(), places())
    tools = hub_tools(HubClient(settings, hub_threads(), "hf_alice", SERVER), files, timeout_s=600.0)
    assert [tool.name for tool in tools] == list(HUB_TOOL_NAMES)
    return ToolRouter(tools)


@pytest.mark.parametrize(
    ("arguments", "kind", "text"),
    [
        ({"operation": "upload", "path": "x", "text": "y"}, "upload", "uploads a text as x to the model a/b"),
        (
            {"operation": "upload", "path": "x", "file": "y", "revision": "dev", "repo_type": "dataset", "as_pr": True},
            "upload",
            "uploads the workspace's y as x to the dataset a/b (dev), as a pull request",
        ),
        ({"operation": "delete", "paths": ["x", "y/"]}, "delete", "deletes x, y/ from the model a/b"),
        ({"operation": "delete_branch", "name": "x"}, "delete", "deletes the branch x of the model a/b"),
        ({"operation": "delete_tag", "name": "x"}, "delete", "deletes the tag x of the model a/b"),
        ({"operation": "create"}, "write_outside", "makes the model a/b, which nobody else sees"),
        ({"operation": "create", "public": True}, "write_outside", "makes the model a/b, which everybody sees"),
        ({"operation": "create_branch", "name": "x"}, "write_outside", "creates the branch x of the model a/b"),
        ({"operation": "create_tag", "name": "x"}, "write_outside", "creates the tag x of the model a/b"),
        ({"operation": "create_pr", "title": "x"}, "write_outside", "opens a pull request in the model a/b: x"),
        (
            {"operation": "comment", "number": 3, "message": "x\ny"},
            "write_outside",
            "comments on pull request or discussion 3 of the model a/b: x y",
        ),
        ({"operation": "merge", "number": 3}, "write_outside", "merges pull request 3 of the model a/b"),
        (
            {"operation": "close_pr", "number": 3},
            "write_outside",
            "closes pull request or discussion 3 of the model a/b",
        ),
        (
            {"operation": "reopen_pr", "number": 3},
            "write_outside",
            "reopens pull request or discussion 3 of the model a/b",
        ),
    ],
)
def test_each_change_has_a_description(router: ToolRouter, arguments: dict[str, object], kind: str, text: str) -> None:
    arguments = {"repo": "a/b", **arguments}
    assert complaint_of(router, "hf_repo", arguments) is None
    effects = effects_of(router, "hf_repo", arguments)
    assert effects.kinds == {kind} and (effects.description, effects.operation) == (text, arguments["operation"])


@pytest.mark.parametrize(
    "arguments",
    [
        {"operation": "list"},
        {"operation": "read", "path": "x"},
        {"operation": "branches"},
        {"operation": "tags"},
        {"operation": "prs"},
        {"operation": "pr", "number": 1},
    ],
)
def test_reading_needs_no_approval(router: ToolRouter, arguments: dict[str, object]) -> None:
    arguments = {"repo": "a/b", **arguments}
    assert complaint_of(router, "hf_repo", arguments) is None
    assert effects_of(router, "hf_repo", arguments) == Effects(operation=str(arguments["operation"]))


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"operation": "read"}, "Operation `read` needs `path` - at `$.path`"),
        ({"operation": "upload", "path": "x"}, "needs `file` or `text`, one of them"),
        ({"operation": "upload", "path": "x", "file": "a", "text": "b"}, "needs `file` or `text`, one of them"),
        ({"operation": "upload", "text": "x"}, "Operation `upload` needs `path`"),
        ({"operation": "delete"}, "Operation `delete` needs `paths`"),
        ({"operation": "delete", "paths": ["../x"]}, "is no path in a repository"),
        ({"operation": "delete", "paths": ["/"]}, "is no path in a repository"),
        ({"operation": "read", "path": "a/../../b"}, "is no path in a repository"),
        ({"operation": "read", "path": "a\nb"}, "is no path in a repository"),
        ({"operation": "create_branch"}, "Operation `create_branch` needs `name`"),
        ({"operation": "create_branch", "name": "a..b"}, "no name of a branch, tag or commit"),
        ({"operation": "list", "revision": "a b"}, "no name of a branch, tag or commit"),
        ({"operation": "merge"}, "Operation `merge` needs `number`"),
        ({"operation": "comment", "number": 1}, "Operation `comment` needs `message`"),
        ({"operation": "create_pr"}, "Operation `create_pr` needs `title`"),
        ({"operation": "create", "repo_type": "space"}, "A Space needs `space_sdk`"),
        ({"operation": "create", "space_sdk": "docker"}, "A Space needs `space_sdk`, and nothing else takes it"),
        ({"operation": "tags", "path": "x"}, "Operation `tags` takes no `path`"),
        ({"operation": "list", "repo": "a/b/c"}, "`$.repo`"),
        ({"operation": "list", "repo": "a/../b"}, "`$.repo`"),
    ],
)
def test_missing_arguments_are_named(router: ToolRouter, arguments: dict[str, object], complaint: str) -> None:
    assert complaint in (complaint_of(router, "hf_repo", {"repo": "a/b", **arguments}) or "")
