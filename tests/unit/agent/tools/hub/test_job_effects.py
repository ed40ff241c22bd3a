"""`hf_jobs`, effects: what a call would do, as the policy and a person see it; and what a call lacks."""

from pathlib import Path

import pytest

from agent.hub.pricing import estimate_usd, hardware, list_prices
from agent.policy.effects import Effects
from agent.sandbox.local.files import LocalFiles
from agent.tools import ToolRouter, Workspace, WorkspaceLimits
from agent.tools.hub import HubClient, HubSettings, hub_tools
from agent.util.places import SERVER
from tests.support.executors import disk, hub_threads, places
from tests.support.prepared_calls import complaint_of, effects_of

RUN: dict[str, object] = {"operation": "run", "image": "python:3.12", "command": ["python", "-c", "print(1)"]}


def router(**settings: object) -> ToolRouter:
    bounds = HubSettings(**settings)  # type: ignore[arg-type]
    files = LocalFiles(Workspace(Path(), WorkspaceLimits()), disk(), places())
    return ToolRouter(hub_tools(HubClient(bounds, hub_threads(), "hf_alice", SERVER), files, timeout_s=600.0))


def does(tools: ToolRouter, **arguments: object) -> Effects:
    assert complaint_of(tools, "hf_jobs", arguments) is None
    return effects_of(tools, "hf_jobs", arguments)


def test_cpu_and_gpu_jobs_have_different_effects_and_estimates() -> None:
    cpu = does(router(), **RUN, timeout_s=3_600)
    assert cpu == Effects(
        "runs python -c 'print(1)' in python:3.12 on cpu-basic, for 60 min for $0.01 at most",
        frozenset({"spend"}),
        "run:cpu",
        0.01,
    )
    gpu = does(router(), **RUN, flavor="a10g-small", timeout_s=7_200, namespace="acme")
    assert (gpu.operation, gpu.cost_usd) == ("run:gpu", 2.0) and "paid by acme" in gpu.description


def test_hardware_of_unknown_price_counts_as_paid_with_unknown_cost() -> None:
    unknown = does(router(), **RUN, flavor="h900")
    assert (unknown.operation, unknown.cost_usd) == ("run:gpu", None) and "not known" in unknown.description
    effects = does(router(usd_per_hour={"h900": 60.0, "cpu-basic": 6.0}), **RUN, flavor="h900", timeout_s=60)
    assert effects.cost_usd == 1.0
    assert does(router(usd_per_hour={"cpu-basic": 6.0}), **RUN, timeout_s=60).cost_usd == pytest.approx(0.1)


def test_a_scheduled_job_has_an_unknown_cost() -> None:
    effects = does(router(), **{**RUN, "operation": "schedule"}, schedule="@hourly", flavor="t4-small")
    assert (effects.operation, effects.cost_usd) == ("schedule:gpu", None) and effects.kinds == {"spend"}
    assert "again and again (@hourly)" in effects.description and "$0.20 at most" in effects.description


def test_a_job_that_is_given_the_token_is_more_than_spending() -> None:
    effects = does(router(), **RUN, secrets=["HF_TOKEN"])
    assert (
        effects.kinds == {"spend", "external"}
        and "gives it the owner's Hugging Face token as HF_TOKEN" in effects.description
    )


@pytest.mark.parametrize(
    ("operation", "kind", "cost"),
    [
        ("cancel", "delete", 0.0),
        ("delete_scheduled", "delete", 0.0),
        ("suspend", "write_outside", 0.0),
        ("resume", "spend", None),
    ],
)
def test_changes_to_a_job_have_effects(operation: str, kind: str, cost: float | None) -> None:
    effects = does(router(), operation=operation, job_id="abc")
    assert effects.kinds == {kind} and "abc" in effects.description
    assert (effects.operation, effects.cost_usd) == (operation, cost)


@pytest.mark.parametrize(
    "arguments",
    [
        {"operation": "ps"},
        {"operation": "hardware"},
        {"operation": "scheduled"},
        {"operation": "inspect", "job_id": "a"},
        {"operation": "logs", "job_id": "a"},
    ],
)
def test_reading_a_dataset_needs_no_approval(arguments: dict[str, object]) -> None:
    assert not does(router(), **arguments).kinds


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"operation": "run", "command": ["x"]}, "Operation `run` needs `image` - at `$.image`"),
        ({"operation": "run", "image": "x"}, "Operation `run` needs `command` - at `$.command`"),
        ({**RUN, "operation": "schedule"}, "Operation `schedule` needs `schedule`"),
        ({**RUN, "schedule": "@daily"}, "Operation `run` takes no `schedule`"),
        ({"operation": "cancel"}, "Operation `cancel` needs `job_id`"),
        ({"operation": "cancel", "job_id": "../x"}, "at `$.job_id`"),
        ({"operation": "ps", "namespace": "a/b"}, "at `$.namespace`"),
        ({**RUN, "image": "a b"}, "at `$.image`"),
        ({**RUN, "timeout_s": 86_401}, "Expected `int` <= 86400 - at `$.timeout_s`"),
        ({**RUN, "secrets": ["a b"]}, "`$.secrets[0]`"),
        ({**RUN, "secrets": ["A"], "env": {"A": "x"}}, "both plain and secret"),
        ({**RUN, "flavor": "GPU; rm"}, "`$.flavor`"),
    ],
)
def test_missing_arguments_are_named(arguments: dict[str, object], complaint: str) -> None:
    assert complaint in (complaint_of(router(), "hf_jobs", arguments) or "")


def test_prices_are_by_the_begun_minute() -> None:
    assert estimate_usd("cpu-xl", 60, {}) == pytest.approx(1 / 60) and estimate_usd("cpu-xl", 61, {}) == pytest.approx(
        2 / 60
    )
    assert (
        all(price > 0 for price in list_prices().values()) and hardware("cpu-xl") == "cpu" and hardware("l4x1") == "gpu"
    )
