"""Database checks: whether a server could keep its journal in PostgreSQL, and share it with others."""

from collections.abc import Mapping

from server.config.fingerprints import fingerprints
from server.config.settings import Settings
from server.doctor import shared
from server.doctor.finding import Finding, fail, ok, warn
from server.journal.backend import describe_database, list_nodes
from server.journal.base import JournalError
from server.journal.nodes.listing import DatabaseState, NodeSeen, differing

CLOCK_OFF_S = 2.0
"""Clocks that differ by more tell people wrong times. Leases go by the database's clock alone."""


def database(settings: Settings) -> list[Finding]:
    """All findings about the database of `journal.url`; none without one."""
    if not settings.journal.url:
        return []
    try:
        state = describe_database(settings.journal)
    except JournalError as error:
        return [fail("database", str(error), "mend it: the server does not start without it")]
    found = [ok("database", state.about), encryption(state), clock(state.clock_off_s), standby(state.standbys)]
    if settings.nodes.several:
        if settings.journal.notify == "on":
            found.append(notices(hears=state.hears))
        try:
            seen = list_nodes(settings.journal)
        except JournalError as error:
            return [*found, ok("servers", str(error)), shared.files(settings.files_folder, [])]
        found += [
            nodes(seen, fingerprints(settings)),
            shared.files(settings.files_folder, seen),
            *shared.secret(settings),
        ]
    return found


def encryption(state: DatabaseState) -> Finding:
    """Whether others could read what goes to the database and back."""
    if state.encrypted:
        return ok("database TLS", "the connection is encrypted")
    if state.local:
        return ok("database TLS", "the connection does not leave this machine")
    advice = "write ?sslmode=require, or better verify-full, in journal.url, unless nobody else is on the way"
    return warn("database TLS", "the connection crosses a network and is not encrypted", advice)


def clock(off_s: float) -> Finding:
    """Whether the database and this machine agree on the time."""
    if abs(off_s) <= CLOCK_OFF_S:
        return ok("database clock", "agrees with this machine's")
    ahead = "ahead of" if off_s > 0 else "behind"
    return warn("database clock", f"is {abs(off_s):.1f} s {ahead} this machine's", "set both by NTP")


def standby(count: int | None) -> Finding:
    """Whether commits wait for a standby that is there."""
    if count is None:
        return ok("standby", "commits wait for none: what is stored is on the database's own disk")
    if count:
        return ok("standby", f"commits wait for one of {count}")
    advice = (
        "start the standby that synchronous_standby_names names, or empty that: commits wait until it is there. A user "
        "without pg_monitor does not see it"
    )
    return warn("standby", "commits wait for a standby, and none is seen", advice)


def notices(*, hears: bool) -> Finding:
    """Whether servers hear of one another at once."""
    if hears:
        return ok("notices", "a word by NOTIFY is heard")
    return fail(
        "notices", "a word by NOTIFY is not heard", "name the database itself in journal.direct_url, not a pooler"
    )


def nodes(seen: list[NodeSeen], own: Mapping[str, str] | None = None) -> Finding:
    """Which servers share the database. `own`: the fingerprints of the settings that were read here."""
    living = [node for node in seen if node.state == "alive"]
    late = [node.name for node in seen if node.state == "late"]
    versions = sorted({node.version for node in living})
    named = f"{len(living)} beat: {', '.join(node.name for node in living)}" if living else "none runs"
    if late:
        return warn("servers", f"{named}; late: {', '.join(late)}", "see whether those run and reach the database")
    if len(versions) > 1:
        return warn("servers", f"{named}, of versions {' and '.join(versions)}", "upgrade all of them soon")
    others = {node.name: groups for node in living if (groups := differing(own or {}, node.settings))}
    if others:
        told = "; ".join(f"{name}: {', '.join(groups)}" for name, groups in others.items())
        return warn("servers", f"{named}; settings are not the same as here at {told}", "give all of them one config")
    return ok("servers", named)
