"""Run: makes every check in order; checks that need good settings are left out where the settings are not."""

import asyncio
import difflib
import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from server.config.loader import SettingsError, load_settings, shipped_config
from server.config.settings import Settings
from server.doctor import checks, data_dir, database
from server.doctor.finding import Finding, fail, ok, warn

PREFIX = "HOLDFAST_"
UNSUPPORTED = "without good settings the rest cannot be looked at"


def examine(
    config: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object], *, online: bool
) -> list[Finding]:
    """All findings. `overrides`: settings from the command line, as `holdfast serve` takes them."""
    path = config or shipped_config()
    version = sys.version_info
    found = [
        checks.python((version.major, version.minor, version.micro)),
        checks.descriptors(*resource.getrlimit(resource.RLIMIT_NOFILE)),
        checks.workers(environ),
    ]
    try:
        settings = load_settings(path, environ, overrides)
    except SettingsError as error:
        return [
            *found,
            fail("config", str(error), f"mend it; all settings are in docs/configuration.md; {UNSUPPORTED}"),
        ]
    found += [ok("config", f"{path} is good"), variables(path.read_text(encoding="utf-8-sig"), environ)]
    return [*found, *_of(settings, path, environ, online=online)]


def variables(config: str, environ: Mapping[str, str]) -> Finding:
    """Whether a variable is set that looks like a setting and is none in this config file."""
    known = set(re.findall(r"(?<!\$)\$\{(\w+)", config))
    unknown = sorted(name for name in environ if name.startswith(PREFIX) and name not in known)
    if not unknown:
        return ok("variables", f"every {PREFIX}... that is set is taken by the config file")
    near = [close for name in unknown for close in difflib.get_close_matches(name, known, n=1)]
    hint = f"did you mean {', '.join(near)}? " if near else ""
    return warn("variables", f"set, but not in the config file: {', '.join(unknown)}", f"{hint}unset what is not meant")


def _of(settings: Settings, path: Path, environ: Mapping[str, str], *, online: bool) -> list[Finding]:
    found = [
        *data_dir.data_folder(settings.journal.folder, with_journal=not settings.journal.url),
        *database.database(settings),
        checks.address(settings),
        checks.sandbox(settings.sandbox, environ.get("PATH", "")),
        checks.chosen(settings, environ),
    ]
    if online:
        found.append(asyncio.run(checks.answers(settings, environ)))
    return [*found, *asyncio.run(checks.mcp_servers(settings, environ, online=online))]
