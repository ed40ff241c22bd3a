"""docs/tools.md, held against the code: its tables and its examples."""

import json
import re

import msgspec

from agent.policy import judge
from agent.tools.effects import Effects
from protocol.reference import fill
from server import reference
from server.settings_policy import PolicySettings

PAGE = (reference.ROOT / "docs" / "tools.md").read_text(encoding="utf-8")


def examples(language: str) -> list[str]:
    """The page's code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_tables_are_what_the_code_says() -> None:
    assert fill(PAGE, reference.tool_tables()) == PAGE, f"docs/tools.md is out of date: run `{reference.MEND}`"


def test_the_example_of_a_policy_does_what_it_says() -> None:
    policy = msgspec.convert(json.loads(examples("json")[0])["policy"], PolicySettings).policy()
    upload = Effects("", frozenset({"upload"}), "upload")

    def verdict(tool: str, effects: Effects, **arguments: str) -> tuple[str, str | None]:
        found = judge(policy, tool, arguments, effects)
        return found.action, found.grant

    assert verdict("hf_repo", Effects("", frozenset({"delete"}), "delete_file")) == ("deny", None)
    assert verdict("hf_repo", upload, repo="my-org/drafts-1") == ("allow", None)
    assert verdict("hf_repo", upload, repo="other/drafts-1") == ("ask", None)
    assert verdict("bash", Effects(), command="make deploy") == ("ask", "bash")
    assert verdict("bash", Effects(), command="redeployed") == ("allow", None)
    assert verdict("web_fetch", Effects("", frozenset({"network"})), url="https://docs.python.org/3/")[0] == "allow"
    assert verdict("web_fetch", Effects("", frozenset({"network"})), url="https://docs.python.org.example/") == (
        "ask",
        "web_fetch",
    )


def test_every_setting_of_the_policy_is_explained() -> None:
    for field in PolicySettings.__struct_fields__:
        assert f"policy.{field}" in PAGE
