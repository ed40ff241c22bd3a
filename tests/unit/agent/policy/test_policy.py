"""Approval policy: the operator's rules in order, the default rules after them, and the spending limit."""

from typing import Any

import msgspec
import pytest

from agent.policy.effects import Effects
from agent.policy.policy import DEFAULT_RULES, Policy, PolicyRule, Spent, evaluate

SAFE = Effects()
WRITES = Effects("writes outside", frozenset({"write_outside"}))
JOB = Effects("runs a job", frozenset({"spend"}), "run", 2.0)
RIDDLE = Effects("runs a job", frozenset({"spend"}), "run", None)
WIPES = Effects("deletes a repository", frozenset({"delete"}), "delete")


def rule(action: str, **fields: Any) -> PolicyRule:
    return msgspec.convert({"action": action, **fields}, PolicyRule)


def action(policy: Policy, tool: str, effects: Effects, arguments: dict[str, Any] | None = None, **more: Any) -> str:
    return evaluate(policy, tool, arguments or {}, effects, **more).action


@pytest.mark.parametrize("kind", ["write_outside", "spend", "upload", "delete", "network", "external"])
def test_call_with_effects_needs_approval_without_a_rule(kind: Any) -> None:
    verdict = evaluate(Policy(), "tool", {}, Effects("does it", frozenset({kind})))
    assert (verdict.action, verdict.reason) == ("ask", "does it")
    assert action(Policy(), "tool", SAFE) == "allow"


def test_the_first_rule_that_matches_decides_by_tool_operation_effect_and_arguments() -> None:
    policy = Policy(
        rules=(
            rule("deny", tool="hf_repo", operation="delete*", reason="nothing is deleted here"),
            rule("allow", tool="hf_*", effect="write_outside"),
            rule("ask", tool="read", arguments={"path": r"\.env$"}),
        )
    )
    verdict = evaluate(policy, "hf_repo", {}, WIPES)
    assert (verdict.action, verdict.reason) == ("deny", "nothing is deleted here")
    assert action(policy, "hf_jobs", WRITES) == "allow"
    assert action(policy, "hf_jobs", JOB) == "ask"
    assert action(policy, "read", SAFE, {"path": "a/.env"}) == "ask"
    assert action(policy, "read", SAFE, {"path": "a/env"}) == "allow"
    assert action(policy, "read", SAFE) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "rm -rf build",
        "cd x && /bin/rm a",
        "ls | xargs rm",
        'bash -c "rm a"',
        "find . -exec rm {} ;",
        "shred key",
        "true;rm x",
        "$(rm x)",
        "sudo -n rm a",
        "env LC_ALL=C rm a",
        "if true; then\nrm a\nfi",
        "git push --force",
        "git -C repo push origin main -f",
        "git push --force-with-lease origin main",
        "git push origin --delete main",
        "git push origin :main",
        "git push origin +main",
        "git push --mirror backup",
        "mkfs.ext4 /dev/sda1",
        "wipefs -a /dev/sda",
        "dd if=/dev/zero of=/dev/sda",
    ],
)
def test_shell_commands_whose_harm_cannot_be_taken_back_ask_every_time(command: str) -> None:
    verdict = evaluate(Policy(), "bash", {"command": command}, SAFE, grants=["bash"])
    assert (verdict.action, verdict.grant) == ("ask", None)


@pytest.mark.parametrize(
    "command",
    [
        "ls -la",
        "git clean -fdx",
        "git reset --hard",
        "git push origin main",
        "git push -u origin feature",
        "dd if=a of=b",
        "docker run --rm x",
        "python farm.py",
        "git commit -m cleaned",
        "npm run form",
        "cat rm.txt",
        "git status",
        "git checkout -b restored",
        "git stash",
        "grep -rn os.remove src",
        "python3 -c 'print(truncated)'",
    ],
)
def test_other_shell_commands_need_no_approval(command: str) -> None:
    assert action(Policy(), "bash", SAFE, {"command": command}) == "allow"


def test_a_rule_of_the_operator_comes_before_those_that_are_shipped() -> None:
    policy = Policy(rules=(rule("allow", tool="bash", arguments={"command": "^rm build$"}),))
    assert action(policy, "bash", SAFE, {"command": "rm build"}) == "allow"
    assert action(policy, "bash", SAFE, {"command": "rm -r /"}) == "ask"
    assert action(Policy(defaults=()), "bash", SAFE, {"command": "rm build"}) == "allow"
    assert all(shipped.action == "ask" for shipped in DEFAULT_RULES)


def test_long_command_is_evaluated_quickly() -> None:
    """Would a pattern look back over and over, this would take minutes."""
    assert action(Policy(), "bash", SAFE, {"command": "git rese " * 100_000}) == "allow"


def test_ask_verdict_names_its_grant() -> None:
    assert evaluate(Policy(), "web_fetch", {}, Effects("", frozenset({"network"}))).grant == "web_fetch"
    assert evaluate(Policy(), "hf_jobs", {}, JOB).grant == "hf_jobs:run"


def test_calls_that_delete_or_of_unknown_cost_have_no_grant() -> None:
    once = Policy(rules=(rule("ask", tool="write", for_session=False),))
    for policy, tool, effects in ((Policy(), "x", WIPES), (Policy(), "x", RIDDLE), (once, "write", SAFE)):
        assert evaluate(policy, tool, {}, effects).grant is None
        assert action(policy, tool, effects, grants=["x", "x:run", "x:delete", "write"]) == "ask"


def test_grant_lifts_only_the_need_for_approval() -> None:
    policy = Policy(rules=(rule("deny", arguments={"path": "secret"}),), spending_limit_usd=3.0)
    assert action(policy, "write", WRITES, {"path": "a"}, grants=["write"]) == "allow"
    assert action(policy, "write", WRITES, {"path": "secret"}, grants=["write"]) == "deny"
    assert action(policy, "hf_jobs", JOB, grants=["hf_jobs:run"], spent=Spent(1.0)) == "allow"
    assert action(policy, "hf_jobs", JOB, grants=["hf_jobs:run"], spent=Spent(1.5)) == "ask"
    assert action(policy, "hf_jobs", JOB, grants=["hf_jobs", "hf_jobs:ps"]) == "ask"


def test_a_grant_is_for_the_definition_that_was_shown_and_a_changed_tool_asks_again_and_says_so() -> None:
    shown, changed = (Effects("calls it", frozenset({"external"}), "server", definition=d) for d in ("aa", "bb"))
    first = evaluate(Policy(), "find", {}, shown)
    assert first.grant == "find:server@sha256:aa" and first.reason == "calls it"
    assert action(Policy(), "find", shown, grants=[first.grant]) == "allow"
    again = evaluate(Policy(), "find", {}, changed, [first.grant])
    assert again.action == "ask" and again.grant == "find:server@sha256:bb"
    assert again.reason == "the tool changed since it was allowed for this session: calls it"
    assert evaluate(Policy(), "other", {}, changed, [first.grant]).reason == "calls it"


def test_yolo_mode_runs_all_but_denied_calls_and_unknown_costs() -> None:
    policy = Policy(rules=(rule("deny", tool="hf_repo"),), yolo_mode=True)
    assert action(policy, "write", WRITES) == "allow"
    assert action(policy, "bash", SAFE, {"command": "rm -rf build"}) == "allow"
    assert action(policy, "other", WIPES) == "allow"
    assert action(policy, "hf_jobs", JOB, spent=Spent(1e6)) == "allow"
    assert action(policy, "hf_repo", WIPES) == "deny"
    assert action(policy, "hf_jobs", RIDDLE) == "ask"


def test_the_spending_limit_asks_before_it_is_passed_with_all_amounts() -> None:
    policy = Policy(yolo_mode=True, spending_limit_usd=5.0)
    assert action(policy, "hf_jobs", JOB, spent=Spent(3.0)) == "allow"
    verdict = evaluate(policy, "hf_jobs", {}, JOB, spent=Spent(3.25, unknown=True))
    assert verdict.action == "ask"
    assert verdict.grant is None
    for part in ("$5.00", "at least $3.25", "$2.00", "runs a job"):
        assert part in verdict.reason


def test_once_the_limit_is_reached_yolo_mode_asks_for_every_call() -> None:
    policy = Policy(yolo_mode=True, spending_limit_usd=5.0)
    verdict = evaluate(policy, "read", {}, SAFE, spent=Spent(5.0))
    assert verdict.action == "ask"
    assert "is reached" in verdict.reason
    assert action(Policy(spending_limit_usd=5.0), "read", SAFE, spent=Spent(5.0)) == "allow"


def test_a_rule_that_allows_is_bound_by_the_spending_limit_too() -> None:
    policy = Policy(rules=(rule("allow", tool="hf_jobs"),), spending_limit_usd=5.0)
    assert action(policy, "hf_jobs", JOB) == "allow"
    assert action(policy, "hf_jobs", JOB, spent=Spent(4.0)) == "ask"
    assert action(policy, "hf_jobs", RIDDLE) == "ask"
    assert action(Policy(rules=policy.rules), "hf_jobs", RIDDLE) == "allow"


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("write", {"path": "AGENTS.md"}),
        ("edit", {"path": "./agents.MD"}),
        ("web_fetch", {"url": "https://example.com", "save_as": ".//AGENTS.md"}),
    ],
)
def test_a_call_that_writes_agents_md_asks_each_time_unless_the_operator_allows_it(
    tool: str, arguments: dict[str, Any]
) -> None:
    verdict = evaluate(Policy(), tool, arguments, SAFE, grants=[tool])
    assert (verdict.action, verdict.grant) == ("ask", None)
    assert action(Policy(), "read", SAFE, {"path": "AGENTS.md"}) == "allow"
    assert action(Policy(), "write", SAFE, {"path": "docs/AGENTS.md"}) == "allow"
    assert action(Policy(rules=(rule("allow", tool=tool),)), tool, SAFE, arguments) == "allow"


def test_rules_match_the_path_that_is_used_however_the_call_names_it() -> None:
    policy = Policy(rules=(rule("deny", tool="read", arguments={"path": "^secrets/"}),))
    absolute = {"path": "/srv/shop/secrets/a"}
    assert action(policy, "read", Effects(path="secrets/a"), absolute) == "deny"
    assert action(policy, "read", Effects(path="a"), {"path": "/srv/shop/a"}) == "allow"
    assert action(Policy(), "write", Effects(path="AGENTS.md"), {"path": "/srv/shop/AGENTS.md"}) == "ask"


def test_a_call_that_asks_each_time_asks_whatever_the_session_allows() -> None:
    guarded = Effects("writes .git/config", path=".git/config", each_time="git obeys it")
    verdict = evaluate(Policy(), "write", {}, guarded, ["write"])
    assert (verdict.action, verdict.reason, verdict.grant) == ("ask", "writes .git/config; git obeys it", None)
