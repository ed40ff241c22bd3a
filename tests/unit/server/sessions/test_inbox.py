"""Inbox: the order in which submissions and interrupts of several senders are taken."""

from protocol.submissions import Interrupt, UserInput
from server.sessions.inbox import Inbox, PendingSubmission


def taken(inbox: Inbox) -> list[str]:
    return [str(item.submission.id) for item in inbox.drain() if isinstance(item, PendingSubmission)]


async def test_an_interrupt_follows_what_its_own_sender_sent_before_it() -> None:
    inbox, ada, bob = Inbox(), object(), object()
    inbox.submit(UserInput(text="one", id="ada-1"), own_id=True, sender=ada)
    inbox.submit(UserInput(text="two", id="bob-1"), own_id=True, sender=bob)
    inbox.submit(Interrupt(id="ada-stops"), own_id=True, sender=ada)
    inbox.submit(UserInput(text="three", id="ada-2"), own_id=True, sender=ada)
    assert taken(inbox) == ["ada-1", "ada-stops", "bob-1", "ada-2"]


async def test_an_interrupt_overtakes_what_others_sent() -> None:
    inbox, ada, bob = Inbox(), object(), object()
    inbox.submit(UserInput(text="two", id="bob-1"), own_id=True, sender=bob)
    inbox.submit(Interrupt(id="ada-stops"), own_id=True, sender=ada)
    inbox.submit(Interrupt(id="nobodys"), own_id=True)
    assert taken(inbox) == ["ada-stops", "nobodys", "bob-1"]
