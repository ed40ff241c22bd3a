"""Session rows: a page of a listing has at least one session, and no more than fits; open questions are told; what a newer version stored stays."""

import msgspec

from protocol.content import Question, QuestionField
from server.journal.base import Stat
from server.sessions import rows
from server.sessions.rows import PAGE_BYTES_MAX, cut_page
from tests.unit.server.journal.builders import row


def stat(name: str, size: int) -> Stat:
    return Stat(1, "e", msgspec.structs.replace(row(name), pending_approval=b" " * size), 1)


def page(stats: list[Stat], most: int) -> tuple[list[str], bool]:
    cut, is_more = cut_page(stats, most)
    return [one.row.session_id for one in cut], is_more


def test_a_page_has_as_many_sessions_as_asked_for_and_says_whether_there_are_more() -> None:
    stats = [stat("a", 2), stat("b", 2), stat("c", 2)]
    assert page(stats, 2) == (["a", "b"], True)
    assert page(stats, 3) == (["a", "b", "c"], False)
    assert page([], 3) == ([], False)


def test_a_page_ends_before_the_session_whose_waiting_calls_are_too_much() -> None:
    large = PAGE_BYTES_MAX
    assert page([stat("a", 2), stat("b", large), stat("c", 2)], 3) == (["a"], True)
    assert page([stat("a", large + 1), stat("b", 2)], 3) == (["a"], True)
    assert page([stat("a", large)], 3) == (["a"], False)


def test_calls_that_wait_are_sent_as_they_are_stored() -> None:
    stored = msgspec.structs.replace(stat("a", 0).row, pending_approval=b'[{"tool":"write"}]')
    info = rows.session_info(Stat(1, "e", stored, 1), is_active=False)
    assert b'"pending_approval":[{"tool":"write"}]' in msgspec.json.encode(info)


def test_open_questions_are_told_by_their_beginning_while_the_session_is_awake() -> None:
    asked = Question("q", "c", "the agent", "form", "Which? " + "x" * PAGE_BYTES_MAX, [QuestionField("name", "text")])
    options = rows.dump_options(rows.Options(questions=rows.in_lists([asked])))
    stored = Stat(1, "e", msgspec.structs.replace(stat("a", 0).row, state="running", options=options), 1)
    (told,) = rows.session_info(stored, is_active=True).questions or []
    assert (told.question_id, told.tool_call_id, told.asker) == ("q", "c", "the agent")
    assert told.message == asked.message[: rows.QUESTION_CHARS_MAX]
    assert rows.session_info(stored, is_active=False).questions is msgspec.UNSET
    assert rows.session_info(stat("a", 0), is_active=True).questions is msgspec.UNSET


def test_what_a_newer_version_put_into_the_options_stays_there() -> None:
    stored = b'{"cwd":"/p","of_a_newer_version":{"a": [1]},"instructions":"Be brief."}'
    changed = msgspec.structs.replace(rows.load_options(stored), model_chosen=True)
    written = rows.dump_options(changed, rows.other_options(stored))
    assert msgspec.json.decode(written) == msgspec.json.decode(stored) | {"model_chosen": True}
    assert rows.holding_cwd("/p") in written
