"""Model context: the project's notes in it."""

from msgspec import UNSET

from agent.models.prompt_caching import mark_for_caching
from agent.session.context import NOTES_CUT, NOTES_INTRO, OWNERS_NOTES_INTRO, transcript, with_notes
from agent.session.messages import NotesWritten, OwnerUploadedNotes
from agent.session.state import NotesWriter
from agent.util.text import estimate_text
from protocol import events as ev
from protocol.content import ImageFile
from protocol.submissions import Interrupt, Share, Shutdown, UserInput
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


def test_images_are_named_beside_the_text_also_of_inputs_that_join_the_turn() -> None:
    script = Script()
    script.handle(UserInput(text="look", images=[ImageFile("a.png")]))
    script.finish(call("c1"))
    script.handle(UserInput(text="and", images=[ImageFile("b.png")], when="steer"))
    script.handle(UserInput(text="here", images=[ImageFile("c.png")], when="steer"))
    script.tool_done("c1", "a result")
    messages = script.called().messages
    assert messages[1] == {"role": "user", "content": "look", "images": ["a.png"]}
    assert messages[-1] == {"role": "user", "content": "and\n\nhere", "images": ["b.png", "c.png"]}
    assert "(shows the image a.png)" in transcript(script.view.messages, 1_000)


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


def written_by(guest: str) -> str:
    by = NotesWriter("d1", "bash", "turn-1", guest)
    return str(with_notes(sent(), "Use tabs.", 1_000, by=by)[1]["content"])


def test_notes_that_a_call_wrote_are_told_as_such_with_whose_turn_it_was() -> None:
    assert "a call of the tool `bash` wrote them" in written_by("") and "of the session's owner" in written_by("")
    assert "a call of the tool `bash` wrote them" in written_by("5f0c") and "of a guest" in written_by("5f0c")
    assert "Use tabs.\n\nhello" in written_by("5f0c")


def running() -> Script:
    """A turn of the owner in which a call runs."""
    script = Script()
    script.say("hello")
    script.finish(call("c1"))
    return script


def test_a_call_that_changed_the_notes_is_recorded_once_and_remembered_over_a_restart() -> None:
    script = running()
    assert script.handle(NotesWritten("c1", "bash", "d1")) == ["notes_changed"]
    assert script.handle(NotesWritten("c2", "bash", "d1")) == []
    changed = script.last(ev.NotesChanged)
    assert (changed.tool_call_id, changed.tool, changed.digest, changed.share_id) == ("c1", "bash", "d1", UNSET)
    script.tool_done("c1")
    writer = script.called().notes_by
    assert writer is not None and (writer.digest, writer.tool, writer.guest) == ("d1", "bash", "")
    script.finish()
    script.restart()
    script.say("more")
    assert script.called().notes_by == writer


def test_notes_that_are_what_the_owner_uploaded_are_not_a_calls() -> None:
    script = running()
    script.handle(OwnerUploadedNotes("d1"))
    assert script.handle(NotesWritten("c1", "bash", "d1")) == []
    assert script.handle(NotesWritten("c1", "bash", "d2")) == ["notes_changed"]


def test_the_link_of_a_guest_whose_input_is_in_the_turn_is_recorded() -> None:
    script = Script()
    script.submit(Share(access="drive"))
    link = script.view.shares[0].share_id
    script.submit(UserInput(text="hello"), share_id=link)
    script.finish(call("c1"))
    script.handle(NotesWritten("c1", "bash", "d1"))
    assert script.last(ev.NotesChanged).share_id == link
    script.submit(Interrupt())
    script.say("the owner's")
    script.finish(call("c2"))
    script.handle(NotesWritten("c2", "bash", "d2"))
    assert script.last(ev.NotesChanged).share_id is UNSET
    script.submit(UserInput(text="a guest's", when="steer"), share_id=link)
    script.tool_done("c2")
    script.finish(call("c3"))
    script.handle(NotesWritten("c3", "bash", "d3"))
    assert script.last(ev.NotesChanged).share_id == link
