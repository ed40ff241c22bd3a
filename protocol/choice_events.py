"""Choice events: what the users of a session chose for it: what is refused, what they took back, the mode."""

from msgspec import UNSET, UnsetType

from protocol.content import ShareId
from protocol.event_base import EventBase


class GrantDenied(EventBase, kw_only=True, tag_field="type", tag="grant_denied"):
    """A call was rejected for the session: what its `grant` names is refused from now on."""

    grant: str
    share_id: ShareId | UnsetType = UNSET


class InputWithdrawn(EventBase, kw_only=True, tag_field="type", tag="input_withdrawn"):
    """An input that waited was taken back: it gets no turn."""

    submission_id: str
    share_id: ShareId | UnsetType = UNSET


class ModeChanged(EventBase, kw_only=True, tag_field="type", tag="mode_changed"):
    """From now on this mode decides which calls ask or are refused."""

    mode: str
