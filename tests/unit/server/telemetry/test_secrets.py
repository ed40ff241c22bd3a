"""Known secrets: from the environment, the settings, and what the server learns while it runs."""

import pytest

from agent.models.settings import ModelSettings
from agent.redaction.settings import RedactionSettings
from server.config.model import ModelChoice
from server.config.settings import Settings
from server.journal.settings import JournalSettings
from server.telemetry.secrets import KnownSecrets

TOKEN = "hf_Ab1Cd2Ef3Gh4Ij5Kl6Mn7Op8Qr9St0Uv1W"


def known(**redaction: object) -> KnownSecrets:
    calls = ModelSettings(api_key="settings-api-key", extra={"*": {"aws_secret": "extra-secret-1", "seed": 12}})
    settings = Settings(model=ModelChoice(calls=calls), redaction=RedactionSettings(**redaction))  # type: ignore[arg-type]
    return KnownSecrets(settings, {"MY_API_KEY": "environment-key", "HOME": "somewhere/else"})


def test_secrets_of_environment_and_settings_are_known() -> None:
    redact = known().for_sessions.redact
    assert redact("environment-key") == "[redacted: MY_API_KEY]"
    assert redact("settings-api-key") == "[redacted: model.calls.api_key]"
    assert redact("extra-secret-1") == "[redacted: aws_secret]"
    assert redact(TOKEN) == "[redacted: Hugging Face token]"
    assert redact("somewhere/else") == "somewhere/else"


def test_the_password_of_the_database_is_known_as_it_is_and_as_it_is_written() -> None:
    journal = JournalSettings(url="postgresql://ann:Odd%40Secret%2F42@db.lan/work")
    redact = KnownSecrets(Settings(journal=journal), {}).for_logs.redact
    assert redact("Odd@Secret/42") == redact("Odd%40Secret%2F42") == "[redacted: journal.url]"


def test_learned_secrets_are_redacted_and_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.telemetry.secrets.LEARNED_MAX", 8)
    secrets = known()
    before = secrets.for_sessions
    secrets.learn("login token", TOKEN)
    assert secrets.for_sessions is before, "a known format need not be learned"
    for number in range(9):
        secrets.learn("owner's token", f"odd-secret-{number:03}")
    assert secrets.for_logs.redact("odd-secret-008") == "[redacted: owner's token]"
    assert secrets.for_logs.redact("odd-secret-000") == "odd-secret-000"
    assert secrets.for_sessions.redact("environment-key") == "[redacted: MY_API_KEY]"


def test_with_redaction_off_only_logs_are_redacted() -> None:
    secrets = known(enabled=False)
    assert secrets.for_sessions.redact(TOKEN) == TOKEN
    assert secrets.for_logs.redact(TOKEN) == "[redacted: Hugging Face token]"


def test_extra_patterns_are_checked_when_the_settings_are_read() -> None:
    assert known(extra_patterns={"Acme": "acme_[a-z]{8,}"}).for_sessions.redact("acme_abcdefgh") == "[redacted: Acme]"
    with pytest.raises(ValueError, match="Acme"):
        RedactionSettings(extra_patterns={"Acme": "(a+)+"})
