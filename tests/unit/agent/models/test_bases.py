"""Bases: tests of `agent.models.bases`: which addresses the operator configured, and which others are refused."""

import pytest

from agent.models import Catalog, ModelSettings
from agent.models.bases import AddressGuard, AddressRefused, Base, base_of, leads_elsewhere, operator_bases
from agent.models.catalog import ModelEntry


def bases(settings: ModelSettings | None = None, *entries: str | ModelEntry, **environ: str) -> frozenset[Base]:
    return operator_bases(settings or ModelSettings(), Catalog([*entries]), environ, (), all_local=False)


def test_nothing_is_configured_where_nothing_is_set() -> None:
    assert bases(PATH="/bin", HOME="/root", DATABASE_URL="http://db:1") == frozenset()


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://10.0.0.1/v1", Base("10.0.0.1", 80)),
        ("https://LLM.example.org./v1", Base("llm.example.org", 443)),
        ("http://[::1]:99", Base("::1", 99)),
        ("ftp://example.org", None),
        ("example.org", None),
        ("http://example.org:bad", None),
        ("", None),
    ],
)
def test_a_base_is_a_host_and_a_port(url: str, base: Base | None) -> None:
    assert base_of(url) == base


def test_settings_entries_parameters_variables_and_proxies_are_the_operators() -> None:
    settings = ModelSettings(api_base="http://a:1", extra={"openai/x": {"api_base": "http://b:2"}})
    entry = ModelEntry(name="openai/y", api_base="http://c:3")
    found = bases(settings, entry, AZURE_API_BASE="http://d:4", OPENAI_BASE_URL="http://e:5", https_proxy="http://f:6")
    assert {base.host for base in found} == set("abcdef")


def test_the_usual_address_of_a_local_server_is_the_operators_if_they_offer_a_model_of_it() -> None:
    assert bases(None, "ollama/qwen") == {Base("localhost", 11434)}
    assert Base("localhost", 1234) in operator_bases(ModelSettings(), Catalog([]), {}, (), all_local=True)
    assert bases(None, "openai/x") == frozenset()


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00:ec2::254"]
)
def test_addresses_that_are_not_public_are_refused_unless_configured(address: str) -> None:
    guard = AddressGuard()
    with pytest.raises(AddressRefused):
        guard.check("llm.example.org", 80, ["93.184.215.14", address])
    with pytest.raises(AddressRefused):
        guard.check_literal(address, 80)
    both = frozenset({Base("llm.example.org", 80), Base(address, 80)})
    guard.allow(both)
    guard.check("llm.example.org", 80, [address])
    guard.check_literal(address, 80)
    with pytest.raises(AddressRefused):
        guard.check("llm.example.org", 81, [address])
    guard.forget(both)
    with pytest.raises(AddressRefused):
        guard.check_literal(address, 80)


@pytest.mark.parametrize(
    ("location", "elsewhere"),
    [
        ("/v2", False),
        ("v2?to=http://b", True),
        ("http://a/v2", False),
        ("https://a/v2", False),
        ("http://A:80/", False),
        ("http://a:81/", True),
        ("https://b/", True),
        ("//b/", True),
        ("file:///etc/x", True),
        ("\\\\b\\x", True),
    ],
)
def test_a_redirect_that_leaves_its_host_or_port_leads_elsewhere(location: str, elsewhere: bool) -> None:
    assert leads_elsewhere("http://a/v1", location) is elsewhere
