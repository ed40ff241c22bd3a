"""Journal machine: random runs of calls, clean restarts and restored older copies, compared with a plain model.

Each event is one byte and a merged record the bytes it stands for, so what is read can be compared however it was
merged.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from server.journal.base import (
    AppendItem,
    Conflict,
    HeldClaim,
    IdempotencyRecord,
    Journal,
    JournalError,
    Lease,
    NotFound,
    Record,
)
from server.journal.sqlite import open_journal
from tests.properties.journal_model import Model, ModelSession, append, claim, leased, merge, there
from tests.unit.server.journal.builders import row

T = TypeVar("T")

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
"""Nothing here is to outlive the test, nor to wait for a disk."""

SESSIONS = st.sampled_from(["s0"] * 4 + ["s1"] * 3 + ["s2"])
OWNERS = st.tuples(SESSIONS, st.sampled_from([0] * 12 + [1, -1]))
SPANS = st.lists(st.integers(1, 3), min_size=1, max_size=4) | st.lists(st.integers(), max_size=0)
ANSWERS = st.builds(
    IdempotencyRecord, st.sampled_from(["one", "two", "three"]), st.just(b"digest"), st.sampled_from([b"a", b"b"])
)


Owner = tuple[str, int]
"""A session, and how many terms ago its lease was given."""


async def done(call: Awaitable[T]) -> T:
    """The result of a call, as a coroutine."""
    return await call


def outcome(error: BaseException | None) -> type[BaseException] | None:
    return type(error) if error else None


class JournalMachine(RuleBasedStateMachine):
    """The journal and its model take the same calls and say the same."""

    items = Bundle("items")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.name = ""
        """Of the database, where there is one."""
        self.folder = Path(tempfile.mkdtemp(dir=MEMORY))
        self.model: Model = {}
        self.copied: tuple[Model, set[str]] | None = None
        """What the copy holds, and the epochs it knows of."""
        self.kept: set[tuple[str, str, int]] = set()
        """Session, epoch, seq: what clients may hold, and nothing up to there was lost."""
        self.lost: set[tuple[str, str, int]] = set()
        self.seq_in_all = 0
        self.claimed = 0
        self.journal: Journal = self.runner.run(self.opened())

    async def opened(self) -> Journal:
        return await open_journal(self.folder / "data")

    def copy_data(self) -> None:
        shutil.copy(self.folder / "data" / "journal.db", self.folder / "copy")

    def put_data_back(self) -> None:
        shutil.copy(self.folder / "copy", self.folder / "data" / "journal.db")

    def teardown(self) -> None:
        try:
            self.positions_are_good_or_lost()
        finally:
            self.runner.run(self.journal.aclose())
            self.runner.close()
            shutil.rmtree(self.folder)

    def both(self, call: Awaitable[T], expected: Any) -> T | None:
        """Make the call and let the model make it: both succeed or both refuse in the same way."""
        predicted: JournalError | None = None
        refused: JournalError | None = None
        result: T | None = None
        try:
            expected()
        except JournalError as error:
            predicted = error
        try:
            result = self.runner.run(done(call))
        except JournalError as error:
            refused = error
        assert outcome(refused) is outcome(predicted)
        return result

    def lease(self, owner: Owner) -> Lease:
        """The session's lease, or an older or a later one."""
        session_id, ago = owner
        return Lease(session_id, (self.model[session_id].term if session_id in self.model else 1) - ago)

    def fresh(self, spans: list[int], head: int) -> tuple[Record, ...]:
        """Records of events never seen before."""
        records = []
        for span in spans:
            data = bytes((self.seq_in_all + i) % 256 for i in range(span))
            self.seq_in_all += span
            records.append(Record(head + span, head + 1, data))
            head += span
        return tuple(records)

    @initialize()
    def begin(self) -> None:
        for session_id in ("s0", "s1"):
            self.create(session_id)
            self.append((session_id, 0), [1, 2, 1], [], None, 0)

    @rule(session_id=SESSIONS)
    def create(self, session_id: str) -> None:
        def expected() -> None:
            if session_id in self.model:
                there(self.model, session_id)
                raise Conflict(session_id)
            self.model[session_id] = ModelSession(row(session_id))

        self.both(self.journal.create(row(session_id)), expected)

    @rule(session_id=SESSIONS)
    def acquire(self, session_id: str) -> None:
        def expected() -> None:
            session = there(self.model, session_id)
            self.model[session_id] = replace(session, term=session.term + 1, term_head=session.head)

        lease = self.both(self.journal.acquire(session_id), expected)
        assert lease is None or lease.term == self.model[session_id].term

    @rule(
        target=items,
        owner=OWNERS,
        spans=SPANS,
        idempotency=st.just([]) | st.lists(ANSWERS, max_size=2),
        unfinished=st.none() | st.booleans(),
        past=st.sampled_from([0] * 8 + [-1, 1]),
    )
    def append(
        self, owner: Owner, spans: list[int], idempotency: list[IdempotencyRecord], unfinished: bool | None, past: int
    ) -> AppendItem:
        lease = self.lease(owner)
        session = self.model.get(lease.session_id)
        head = max(0, (session.head if session else 0) + past)
        new_row = None if unfinished is None else row(lease.session_id, unfinished=unfinished)
        item = AppendItem(lease, head, self.fresh(spans, head), tuple(idempotency), new_row)
        self.both(self.journal.append(item), lambda: append(self.model, item))
        return item

    @rule(item=items)
    def append_again(self, item: AppendItem) -> None:
        self.both(self.journal.append(item), lambda: append(self.model, item))

    @rule(chosen=st.lists(st.tuples(OWNERS, SPANS, st.booleans()), min_size=2, max_size=6))
    def append_in_one_group(self, chosen: list[tuple[Owner, list[int], bool]]) -> None:
        """Some of them expect each other's heads, some the same one: each is decided by those before it."""
        trial = deepcopy(self.model)
        items: list[AppendItem] = []
        expected: list[type[JournalError] | None] = []
        for owner, spans, blind in chosen:
            lease = self.lease(owner)
            session = (self.model if blind else trial).get(lease.session_id)
            head = session.head if session else 0
            items.append(AppendItem(lease, head, self.fresh(spans, head)))
            try:
                append(trial, items[-1])
                expected.append(None)
            except JournalError as error:
                expected.append(type(error))

        async def together() -> list[BaseException | None]:
            return await asyncio.gather(*map(self.journal.append, items), return_exceptions=True)

        assert [outcome(result) for result in self.runner.run(together())] == expected
        self.model = trial

    @rule(owner=OWNERS, data=st.data(), on_borders=st.booleans())
    def merge(self, owner: Owner, data: st.DataObject, on_borders: bool) -> None:
        lease = self.lease(owner)
        session = self.model.get(lease.session_id) or ModelSession(row())
        starts = [record.first_seq for record in session.records] if on_borders else range(session.head + 2)
        ends = [record.seq for record in session.records] if on_borders else range(session.head + 2)
        lo, hi = data.draw(st.sampled_from(starts or [1])), data.draw(st.sampled_from(ends or [1]))
        events = b"".join(record.data for record in session.records)
        cut = data.draw(st.integers(lo, max(lo, hi)))
        pieces = tuple(Record(b, a, events[a - 1 : b]) for a, b in ((lo, cut), (cut + 1, hi)) if a <= b)
        self.both(self.journal.merge(lease, lo, hi, pieces), lambda: merge(self.model, lease, lo, hi, pieces))

    @rule(owner=OWNERS, seq=st.integers(0, 12), state=st.binary(max_size=4))
    def put_snapshot(self, owner: Owner, seq: int, state: bytes) -> None:
        lease = self.lease(owner)

        def expected() -> None:
            session = leased(self.model, lease)
            if seq > session.head:
                raise Conflict("past the head")
            session.snapshot = (seq, state)

        self.both(self.journal.put_snapshot(lease, seq, state), expected)

    @rule(session_id=SESSIONS, sure=st.sampled_from([False] * 9 + [True]))
    def delete(self, session_id: str, sure: bool) -> None:
        def expected() -> None:
            if session_id not in self.model:
                raise NotFound(session_id)
            self.model[session_id].deleted = True

        if sure:
            self.both(self.journal.delete(session_id), expected)

    @rule(session_id=SESSIONS, claim_id=st.sampled_from(["c0", "c1"]), detail=st.sampled_from("xyz"))
    def claim(self, session_id: str, claim_id: str, detail: str) -> None:
        self.claimed += 1
        made = HeldClaim(claim_id, session_id, "ann", "space", detail, f"{self.claimed:09}")
        self.both(self.journal.claim(made), lambda: claim(self.model, made))

    @rule(claim_id=st.sampled_from(["c0", "c1"]))
    def release_claim(self, claim_id: str) -> None:
        self.runner.run(self.journal.release_claim(claim_id))
        for session in self.model.values():
            session.claims.pop(claim_id, None)

    @rule(
        session_id=SESSIONS,
        after=st.integers(0, 8),
        through=st.none() | st.integers(0, 12),
        max_records=st.integers(1, 20),
        max_bytes=st.integers(0, 12),
    )
    def read(self, session_id: str, after: int, through: int | None, max_records: int, max_bytes: int) -> None:
        call = self.journal.read(session_id, after, through=through, max_records=max_records, max_bytes=max_bytes)
        found = self.both(call, lambda: there(self.model, session_id))
        if found is None:
            return
        records = [record for record in self.model[session_id].records if record.seq > after]
        records = [record for record in records if through is None or record.first_seq <= through][:max_records]
        while len(records) > 1 and sum(len(record.data) for record in records) > max_bytes:
            records.pop()
        assert found == records

    @rule()
    def restart(self) -> None:
        epoch = self.journal.epoch
        self.runner.run(self.journal.aclose())
        self.journal = self.runner.run(self.opened())
        assert self.journal.epoch == epoch

    @rule()
    def copy(self) -> None:
        self.runner.run(self.journal.aclose())
        self.copy_data()
        self.copied = deepcopy(self.model), {epoch for _, epoch, _ in self.kept}
        self.journal = self.runner.run(self.opened())

    @rule()
    def put_copy_back(self) -> None:
        if self.copied is None:
            return
        self.runner.run(self.journal.aclose())
        self.put_data_back()
        self.model, known = deepcopy(self.copied)
        gone = {
            (session_id, epoch, seq)
            for session_id, epoch, seq in self.kept
            if session_id not in self.model or seq > self.model[session_id].head or epoch not in known
        }
        self.kept -= gone
        self.lost |= gone | {
            (session_id, epoch, self.model[session_id].head + 1)
            for session_id, epoch, _ in gone
            if session_id in self.model
        }
        self.journal = self.runner.run(self.opened())

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        self.runner.run(self.check())

    async def check(self) -> None:
        held = [one for session in self.model.values() for one in session.claims.values()]
        assert await self.journal.claims() == sorted(held, key=lambda one: one.claimed_at)
        for session_id, session in self.model.items():
            of_session = sorted(session.claims.values(), key=lambda one: one.claimed_at)
            assert await self.journal.claims(session_id) == of_session
            if session.deleted:
                continue
            stat = await self.journal.stat(session_id)
            assert (stat.head, stat.term, stat.row) == (session.head, session.term, session.row)
            assert await self.journal.read(session_id, 0) == session.records
            assert await self.journal.snapshot(session_id) == session.snapshot
            for submission_id in ("one", "two", "three"):
                assert await self.journal.answer(session_id, submission_id) == session.idempotency.get(submission_id)
            self.kept.add((session_id, self.journal.epoch, session.head))
        alive = {session_id: session.row for session_id, session in self.model.items() if not session.deleted}
        assert {found.row.session_id: found.row for found in await self.journal.list()} == alive
        assert set(await self.journal.unfinished()) == {name for name, found in alive.items() if found.unfinished}

    @rule()
    def positions_are_good_or_lost(self) -> None:
        async def check() -> None:
            for positions, good in ((self.kept, True), (self.lost, False)):
                for session_id, epoch, seq in positions:
                    if session_id in self.model and not self.model[session_id].deleted and seq:
                        assert await self.journal.good_position(session_id, epoch, seq) is good

        self.runner.run(check())
