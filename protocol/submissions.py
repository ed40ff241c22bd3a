"""Submissions: what a client asks of a session. `submission_body` is equal for two that ask for the same."""

from typing import Annotated, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from protocol.content import Access, Arguments, Effort, Images, QuestionAction, Scope, SubmissionId, When


class SubmissionBase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """`id` is optional on the wire; the server makes one where it is missing. `since`: as of events, which repeat it."""

    since: ClassVar[int] = 1
    id: SubmissionId | UnsetType = UNSET


class UserInput(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="user_input"):
    """An input of the user. `when` matters while a turn runs: `queue` waits for the next turn, `steer` joins before the next model call."""

    text: Annotated[str, Meta(min_length=1, description="what the user says")]
    when: When = "queue"
    images: Images = []


class Approval(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The answer to one waiting call. `arguments`, if given, replace the model's; `feedback` reaches the model.

    `scope` `session`: what the call's `grant` names runs without asking from now on, in this session; or, not approved, is refused.
    """

    tool_call_id: Annotated[str, Meta(min_length=1, max_length=512)]
    approved: bool
    feedback: Annotated[str, Meta(max_length=20_000, description="code points")] = ""
    arguments: Arguments | UnsetType = UNSET
    scope: Scope = "once"


class ExecApproval(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="exec_approval"):
    """Answers to waiting calls; all of a submission or nothing."""

    approvals: Annotated[list[Approval], Meta(min_length=1, max_length=256)]


class Interrupt(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="interrupt"):
    """Stop the running turn now. It is handled before submissions that wait."""


class Undo(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="undo"):
    """Remove the last turn from the history. What its tools did is not undone; `restore` brings the files back."""


class Restore(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="restore"):
    """Make the session's files as they were in a snapshot. What they are now is saved as a snapshot first."""

    snapshot_id: Annotated[str, Meta(min_length=1, max_length=64, description="one of the snapshot's `snapshots`")]


class Edit(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="edit"):
    """Replace an earlier input: its turn and all later ones are removed from the history, and `text` begins a turn."""

    turn_id: Annotated[str, Meta(min_length=1, max_length=512, description="of the user message that is replaced")]
    text: Annotated[str, Meta(min_length=1, description="what the user says instead")]
    images: Images = []


class Compact(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="compact"):
    """Replace the older part of the model's context by a summary."""


class Shutdown(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="shutdown"):
    """End the session's work for good; its history stays readable."""


class SetModel(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="set_model"):
    """Use another model from the next model call on."""

    model: Annotated[str, Meta(min_length=1, max_length=200)]
    reasoning_effort: Annotated[Effort, Meta(description="how long it thinks; empty: as the server or it likes")] = ""


class SetTitle(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="set_title"):
    """Give the session another title."""

    title: Annotated[str, Meta(max_length=200, description="code points; empty takes the title away")]


class Share(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="share"):
    """Make a link that gives others access. The owner gets the link from `GET /api/sessions/{id}/shares`, not from an event."""

    access: Access
    may_set_model: Annotated[bool, Meta(description="whether guests with `drive` may set the model")] = False


class Unshare(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="unshare"):
    """Revoke a link; the sockets that used it are closed, what its guests allowed for the session is taken back, and so is the model that they chose."""

    share_id: Annotated[str, Meta(min_length=1, max_length=64)]


class RevokeGrant(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="revoke_grant"):
    """Take back what was allowed for the session: such calls ask again. A call that runs already goes on."""

    grant: Annotated[str, Meta(min_length=1, max_length=1_024, description="one of the snapshot's `grants`")]


class AnswerQuestion(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="answer_question"):
    """The answer to a question of a running call (`ask_user`). `content`: the fields' values, if the action is `accept`."""

    question_id: Annotated[str, Meta(min_length=1, max_length=64)]
    action: QuestionAction
    content: Annotated[dict[str, str | float | int | bool | list[str]], Meta(max_length=64)] = {}


class Withdraw(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="withdraw"):
    """Take back an input that waits for its turn; it gets none. A guest may take back what came by the same link."""

    submission_id: Annotated[str, Meta(min_length=1, max_length=64, description="of the input, as in `queued`")]


class SetMode(SubmissionBase, frozen=True, kw_only=True, tag_field="type", tag="set_mode"):
    """Choose which calls ask or are refused, among the modes of `GET /api/config`. For the owner alone."""

    mode: Annotated[str, Meta(min_length=1, max_length=64)]


Submission = (
    UserInput
    | ExecApproval
    | Interrupt
    | Undo
    | Edit
    | Compact
    | Shutdown
    | SetModel
    | SetTitle
    | Share
    | Unshare
    | RevokeGrant
    | Restore
    | AnswerQuestion
    | Withdraw
    | SetMode
)


def submission_id(submission: Submission) -> str:
    """The submission's id; empty where neither client nor server has given one yet."""
    return "" if submission.id is UNSET else submission.id


def submission_body(submission: Submission) -> bytes:
    """The submission without its id, as canonical JSON: two with equal bodies ask for the same."""
    return msgspec.json.encode(msgspec.structs.replace(submission, id=UNSET), order="sorted")
