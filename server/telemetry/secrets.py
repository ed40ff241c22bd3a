"""Known secrets: values of the environment and the settings, and those learned at run time, that are redacted."""

from collections.abc import Mapping

from agent.redaction import PATTERNS, Redactor, environment_secrets, named_secrets, parse_pattern
from agent.tools.mcp.settings import entry_secrets
from server.config.settings import Settings
from server.util.lru_map import LruMap

LEARNED_MAX = 64
"""Secrets without a known format that were learned at run time; of more, the newest are kept."""


class KnownSecrets:
    """Redactors for one server: `for_sessions` for what enters the journal, `for_logs` for all it logs.

    The first does nothing if `redaction.enabled` is false; logs are always redacted.
    """

    def __init__(self, settings: Settings, environ: Mapping[str, str]) -> None:
        calls = settings.model.calls
        extras = [(name, value) for parameters in calls.extra.values() for name, value in parameters.items()]
        texts = {name: value for name, value in extras if isinstance(value, str)}
        listed = [(f"api_key of {one.name}", one.api_key) for one in settings.model.models if not isinstance(one, str)]
        known = named_secrets(
            [
                ("model.calls.api_key", calls.api_key),
                ("auth.local_hf_token", settings.auth.local_hf_token),
                *(("journal.url", password) for password in settings.journal.passwords),
                *listed,
            ]
        )
        known |= environment_secrets(texts) | environment_secrets(environ)
        for name, entry in settings.mcp_servers.items():
            known |= named_secrets((f"{key} of {name}", value) for key, value in entry_secrets(entry))
        extra = [parse_pattern(name, text) for name, text in settings.redaction.extra_patterns.items()]
        self._enabled = settings.redaction.enabled
        self._nothing = Redactor()
        self._base = Redactor(known, [*extra, *PATTERNS])
        self._learned: LruMap[str, str] = LruMap(LEARNED_MAX)
        self._all = self._base

    @property
    def for_sessions(self) -> Redactor:
        """The redactor for a session that wakes now."""
        return self._all if self._enabled else self._nothing

    @property
    def for_logs(self) -> Redactor:
        """The redactor for the log."""
        return self._all

    def learn(self, name: str, value: str) -> None:
        """Add a secret that became known at run time, such as an owner's token. `name` is written in its place."""
        learned = named_secrets([(name, value)])
        if value in self._learned:
            self._learned.move_to_end(value)
        elif self._all.with_values(learned) is not self._all:
            self._learned.update(learned)
            self._all = self._base.with_values(self._learned)
