"""Model context: the project's notes in it."""

from agent.models.prompt_caching import mark_for_caching
from agent.session.context import NOTES_CUT, NOTES_INTRO, OWNERS_NOTES_INTRO, with_notes
from agent.session.messages import OwnerUploadedNotes
from agent.util.text import estimate_text
from protocol.submissions import Shutdown
from tests.support.models.strict_messages import complaint
from tests.unit.agent.session.script import Script, call


def sent() -> list[dict[str, object]]:
    """The messages of a call in the middle of a turn."""
    script = Script()
    script.say("hello")
    script.finish(call("c1"))
    script.tool_done("c1", "a result")
    return script.called().messages


def test_notes_precede_the_first_user_message_and_the_messages_stay_valid() -> None:
    messages = sent()
    result = with_notes(messages, "Use tabs.", 1_000)
    assert result[1] == {"role": "user", "content": f"{NOTES_INTRO}Use tabs.\n\nhello"}
    assert complaint(result) is None
    assert (result[0], result[2:]) == (messages[0], messages[2:])
    assert messages[1]["content"] == "hello"


def test_without_notes_or_a_user_message_nothing_changes() -> None:
    assert with_notes(sent(), "", 1_000) == sent()
    assert with_notes(sent()[:1], "Use tabs.", 1_000) == sent()[:1]


def test_notes_are_cut_to_their_part_of_a_small_context() -> None:
    content = str(with_notes(sent(), "word " * 10_000, 100)[1]["content"])
    notes = content.removeprefix(NOTES_INTRO).removesuffix("\n\nhello")
    assert notes.endswith(NOTES_CUT)
    assert estimate_text(notes.removesuffix(NOTES_CUT)) <= 100
    script = Script(context_limit=lambda model: 8_000)
    script.say("hello")
    assert script.called().notes_max_tokens == 1_000


def test_changed_notes_leave_the_cached_system_prompt_unchanged() -> None:
    """What is before the first mark, the tools and the system prompt, stays cached whatever the notes say."""
    before, after = (mark_for_caching(with_notes(sent(), notes, 1_000)) for notes in ("Use tabs.", "Use spaces."))
    assert before[0] == after[0]
    assert "cache_control" in str(before[0])
    assert "cache_control" in str(before[-1])
    assert sum("cache_control" in str(message) for message in before) == 2


def test_notes_are_called_the_owners_only_if_the_owner_uploaded_them() -> None:
    owners, others = (with_notes(sent(), "Use tabs.", 1_000, by_owner=by_owner) for by_owner in (True, False))
    assert owners[1]["content"] == f"{OWNERS_NOTES_INTRO}Use tabs.\n\nhello"
    assert others[1]["content"] == f"{NOTES_INTRO}Use tabs.\n\nhello"


def test_the_digest_of_the_owners_notes_survives_a_restart_and_a_closed_session_takes_none() -> None:
    script = Script()
    assert script.handle(OwnerUploadedNotes("d1")) == ["notes_uploaded"]
    script.restart()
    script.say("hello")
    assert script.called().owner_notes == "d1"
    script.submit(Shutdown())
    assert script.handle(OwnerUploadedNotes("d2")) == []
