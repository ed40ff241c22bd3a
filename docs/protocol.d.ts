// The wire of Holdfast, version 1. Written from the server's own types: change those, not this file.
// What the server sends always has every field that is not marked optional here.

export type Subprotocol = "holdfast.v1.json" | "holdfast.v1.msgpack";
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** The acknowledgement of a submission. All clients see the submission. */
export interface Accepted {
  type: "accepted";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  submission_id: string;
  submission: Submission;
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
}

/** The answer to a question of a running call (`ask_user`). `content`: the fields' values, if the action is `accept`. */
export interface AnswerQuestion {
  type: "answer_question";
  /** 1-64 characters of the client's making */
  id?: string;
  question_id: string;
  action: "accept" | "cancel" | "decline";
  content?: { [key: string]: Json };
}

/** The answer to one waiting call. `arguments`, if given, replace the model's; `feedback` reaches the model.

    `scope` `session`: what the call's `grant` names runs without asking from now on, in this session; or, not approved, is refused. */
export interface Approval {
  tool_call_id: string;
  approved: boolean;
  /** code points; default "" */
  feedback?: string;
  /** the tool's arguments, a JSON object */
  arguments?: { [key: string]: Json };
  /** default "once" */
  scope?: "once" | "session";
}

/** The turn waits until each of these calls has an answer. */
export interface ApprovalRequired {
  type: "approval_required";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tools: PendingTool[];
  count: number;
}

/** A running call asks the user something, and waits for an `answer_question`. */
export interface AskUser {
  type: "ask_user";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  question: Question;
}

/** A piece of the open message: set message[offset:] = text, so applying it twice is harmless. */
export interface AssistantChunk {
  type: "assistant_chunk";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  message_id: string;
  /** in Unicode code points, within its kind */
  offset: number;
  text: string;
  kind: "reasoning" | "text";
}

/** A finished message of the model. `sealed`: it was cut short (interrupt, error, restart). */
export interface AssistantMessage {
  role: "assistant";
  message_id: string;
  text: string;
  reasoning: string;
  tool_calls: ToolCall[];
  finish_reason: string;
  sealed: boolean;
}

/** The whole message; it replaces what its chunks built. `sealed`: it was cut short (interrupt, error, restart). */
export interface AssistantMessageEvent {
  type: "assistant_message";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  message_id: string;
  text: string;
  reasoning: string;
  tool_calls: ToolCall[];
  finish_reason: string;
  sealed: boolean;
}

/** Replace the older part of the model's context by a summary. */
export interface Compact {
  type: "compact";
  /** 1-64 characters of the client's making */
  id?: string;
}

/** The model's context up to message `kept_from` was replaced by `summary`. The visible history stays as it is. */
export interface Compacted {
  type: "compacted";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  old_tokens: number;
  new_tokens: number;
  summary: string;
  kept_from: number;
  /** the `compact` it answers; null if the turn did it by itself */
  operation_id: string | null;
}

/** Replace an earlier input: its turn and all later ones are removed from the history, and `text` begins a turn. */
export interface Edit {
  type: "edit";
  /** 1-64 characters of the client's making */
  id?: string;
  /** of the user message that is replaced */
  turn_id: string;
  /** what the user says instead */
  text: string;
  /** what the model is shown with the text */
  images?: ImageFile[];
}

/** The turn (`turn_id`) or operation failed and is over; the session goes on. */
export interface ErrorEvent {
  type: "error";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  code: string;
  message: string;
  retryable: boolean;
  turn_id: string | null;
}

/** Answers to waiting calls; all of a submission or nothing. */
export interface ExecApproval {
  type: "exec_approval";
  /** 1-64 characters of the client's making */
  id?: string;
  approvals: Approval[];
}

/** What a call did to a file. `path`: absolute in a project folder, else relative to the workspace. `line`: the first that differs, from 1.

    `patch`: a unified diff, empty if there is none to show. `cut`: it is not all of it. */
export interface FileChange {
  path: string;
  operation: "add" | "modify";
  patch: string;
  /** default 1 */
  line?: number;
  /** default false */
  cut?: boolean;
}

/** A call was rejected for the session: what its `grant` names is refused from now on. */
export interface GrantDenied {
  type: "grant_denied";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  grant: string;
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
}

/** What was allowed for the session, or refused, asks again. */
export interface GrantRevoked {
  type: "grant_revoked";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  grant: string;
  /** `user`: by a `revoke_grant`; `unshared`: a guest had allowed it, and the link was revoked */
  reason: "unshared" | "user";
}

/** Sent when nothing else was sent for a while; `seq` is the socket's position. */
export interface Heartbeat {
  type: "heartbeat";
  /** a position; 0 is before the first event */
  seq: number;
}

/** An image that the user shows the model: a PNG, JPEG or WebP file of the workspace. It is read anew for each model call. */
export interface ImageFile {
  /** relative to the workspace */
  path: string;
}

/** A user_input entered the running turn. */
export interface InputJoined {
  type: "input_joined";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  turn_id: string;
  submission_id: string;
}

/** An input that waited was taken back: it gets no turn. */
export interface InputWithdrawn {
  type: "input_withdrawn";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  submission_id: string;
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
}

/** Stop the running turn now. It is handled before submissions that wait. */
export interface Interrupt {
  type: "interrupt";
  /** 1-64 characters of the client's making */
  id?: string;
}

/** A turn, or a compaction (its submission's id), was stopped. */
export interface Interrupted {
  type: "interrupted";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  turn_id: string;
  reason: "restart" | "shutdown" | "user";
}

/** What this server accepts and sends. Names carry their units. */
export interface Limits {
  /** largest websocket message a client may send; more: 1009 */
  inbound_message_bytes: number;
  /** largest message the server sends on this socket; set your library's maximum to it */
  outbound_frame_bytes: number;
  /** frames a second a client may send in the long run; more: 4429 */
  frames_per_s: number;
  /** frames a client may send at once */
  frames_burst: number;
  /** frames refused as malformed before the socket is closed: 4429 */
  bad_frames_per_minute: number;
  /** user inputs that may wait for their turn; more: refused `queue_full` */
  queued_inputs: number;
  /** seconds of silence after which a heartbeat is sent */
  heartbeat_s: number;
  /** sockets bound to one session at once; more: HTTP 429 */
  sockets_per_session: number;
  /** sockets a user has open at once; more: HTTP 429 */
  sockets_per_user: number;
  /** submissions a user makes, over all sockets; more: refused `too_many_submissions` */
  submissions_per_minute: number;
  /** sessions awake on this server at once; more: HTTP 503, refused `capacity` */
  sessions_awake: number;
  /** sessions a user has awake at once; more: HTTP 429, refused `capacity` */
  sessions_awake_per_user: number;
  /** sessions a user keeps; more: HTTP 429 */
  stored_sessions_per_user: number;
  /** bytes of all of a user's sessions, their files included; more: HTTP 429, refused `storage_full` */
  stored_bytes_per_user: number;
  /** code points of one session's history; more: refused `history_full` */
  history_chars: number;
  /** largest file a client puts into a workspace; more: HTTP 413 */
  upload_bytes: number;
  /** tokens a user spends in a UTC day; more: `budget_exhausted`; 0: no bound */
  tokens_per_day: number;
  /** US dollars a user spends in a UTC day; more: `budget_exhausted`; 0: no bound */
  cost_usd_per_day: number;
  /** seconds a client may take nothing before it is cut off: 4408 */
  send_timeout_s: number;
}

/** From now on this mode decides which calls ask or are refused. */
export interface ModeChanged {
  type: "mode_changed";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  mode: string;
}

/** From the next model call on, this model answers, with this reasoning effort. */
export interface ModelChanged {
  type: "model_changed";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  model: string;
  reasoning_effort: "" | "high" | "low" | "medium" | "minimal" | "none";
  /** `unshared`: a guest had chosen the model before, and the link was revoked */
  reason?: "unshared";
}

/** AGENTS.md was changed while this call ran. The model is told that a call of this tool wrote the notes, and in whose turn. */
export interface NotesChanged {
  type: "notes_changed";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  tool: string;
  /** as in `notes_uploaded`, with `:SIZE` if the file is too long; empty: no file */
  digest: string;
  /** of the guest's link whose input is in the turn; absent: all is the owner's */
  share_id?: string;
}

/** The session's owner uploaded AGENTS.md. The model is told that the notes are the owner's while the file has this content. */
export interface NotesUploaded {
  type: "notes_uploaded";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  /** BLAKE2b of the file's bytes, 16 bytes in hexadecimal */
  digest: string;
}

/** A call without a result yet. `state` is `requested` until a `tool_state_change` says more; `log` is its live output. */
export interface OpenCall {
  tool_call_id: string;
  tool: string;
  /** the tool's arguments, a JSON object */
  arguments: { [key: string]: Json };
  state: "approved" | "awaiting_approval" | "requested" | "running";
  log: string;
  edited: boolean;
  /** who or what approved it; absent until then */
  by?: "policy" | "user";
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
  steps?: Step[];
}

/** The message that is being streamed, with its text so far. */
export interface OpenMessage {
  message_id: string;
  text: string;
  reasoning: string;
}

/** A call that waits for approval, with the reason why it needs it. */
export interface PendingTool {
  tool_call_id: string;
  tool: string;
  /** the tool's arguments, a JSON object */
  arguments: { [key: string]: Json };
  reason: string;
  /** what an approval with scope `session` would allow; absent where that is not offered */
  grant?: string;
  /** which of the things the tool does, or the MCP server whose tool it is; absent where it does one */
  operation?: string;
}

/** One line of the agent's plan. */
export interface PlanItem {
  text: string;
  status: "completed" | "in_progress" | "pending";
}

/** The agent's plan, whole. */
export interface PlanUpdate {
  type: "plan_update";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  items: PlanItem[];
}

/** A turn begins; its user_input enters the history here. */
export interface Processing {
  type: "processing";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  turn_id: string;
  submission_id: string;
}

/** What a running call asks of the user. `kind` `form`: for the values of `fields`; `link`: to open `url`; `model`: whether the
    session's model may answer `message`. */
export interface Question {
  question_id: string;
  tool_call_id: string;
  /** who asks: the name of the MCP server, or `the agent` */
  asker: string;
  kind: "form" | "link" | "model";
  message: string;
  fields: QuestionField[];
  url?: string;
}

/** A question has its answer, or was `withdrawn`. Questions of a call that ends are closed without this event. */
export interface QuestionClosed {
  type: "question_closed";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  question_id: string;
  tool_call_id: string;
  action: "accept" | "cancel" | "decline" | "withdrawn";
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
}

/** A field of a question. `choice` takes the value of one of its `options`, `choices` a list of them. */
export interface QuestionField {
  name: string;
  kind: "boolean" | "choice" | "choices" | "integer" | "number" | "text";
  /** default "" */
  label?: string;
  /** default "" */
  help?: string;
  /** default false */
  required?: boolean;
  options?: QuestionOption[];
  default?: string | number | number | boolean | string[];
}

/** A value that may be chosen, and how it is shown. */
export interface QuestionOption {
  value: string;
  label: string;
}

/** An accepted `user_input` or `edit` that has not entered the history yet. */
export interface QueuedInput {
  submission_id: string;
  text: string;
  when: "queue" | "steer";
  /** id of the link by which its sender came; absent: the owner */
  share_id?: string;
  /** what the model is shown with the text */
  images?: ImageFile[];
}

/** The first frame. `recovered`: every event after the requested position follows; otherwise a `snapshot` follows. `seq` is the session's head. */
export interface Ready {
  type: "ready";
  session_id: string;
  epoch: string;
  /** a position; 0 is before the first event */
  seq: number;
  recovered: boolean;
  state: "awaiting_approval" | "closed" | "idle" | "running";
  model: string;
  /** true: the built-in demo model answers, no real one */
  demo: boolean;
  limits: Limits;
  server: string;
  /** what this socket may do; not `owner`: it came by a link */
  access: "drive" | "owner" | "read";
  /** false: this socket may not set the model; absent: it may */
  may_set_model?: boolean;
  /** the project folder that the session works in; absent: it has a workspace of its own */
  cwd?: string;
}

/** This submission or frame did nothing. `id` is the submission's, where it could be read. */
export interface Refused {
  type: "refused";
  id?: string;
  code: string;
  message: string;
  retryable: boolean;
}

/** Make the session's files as they were in a snapshot. What they are now is saved as a snapshot first. */
export interface Restore {
  type: "restore";
  /** 1-64 characters of the client's making */
  id?: string;
  /** one of the snapshot's `snapshots` */
  snapshot_id: string;
}

/** Take back what was allowed for the session: such calls ask again. A call that runs already goes on. */
export interface RevokeGrant {
  type: "revoke_grant";
  /** 1-64 characters of the client's making */
  id?: string;
  /** one of the snapshot's `grants` */
  grant: string;
}

/** Choose which calls ask or are refused, among the modes of `GET /api/config`. For the owner alone. */
export interface SetMode {
  type: "set_mode";
  /** 1-64 characters of the client's making */
  id?: string;
  mode: string;
}

/** Use another model from the next model call on. */
export interface SetModel {
  type: "set_model";
  /** 1-64 characters of the client's making */
  id?: string;
  model: string;
  /** how long it thinks; empty: as the server or it likes; default "" */
  reasoning_effort?: "" | "high" | "low" | "medium" | "minimal" | "none";
}

/** Give the session another title. */
export interface SetTitle {
  type: "set_title";
  /** 1-64 characters of the client's making */
  id?: string;
  /** code points; empty takes the title away */
  title: string;
}

/** Make a link that gives others access. The owner gets the link from `GET /api/sessions/{id}/shares`, not from an event. */
export interface Share {
  type: "share";
  /** 1-64 characters of the client's making */
  id?: string;
  access: "drive" | "read";
  /** whether guests with `drive` may set the model; default false */
  may_set_model?: boolean;
}

/** A link to a session for others: to `read`, or to `drive` (which also allows to send input, approve, revoke grants, interrupt, undo, restore, compact and edit). */
export interface ShareLink {
  share_id: string;
  access: "drive" | "read";
  /** whether its guests may set the model; absent: they may not */
  may_set_model?: boolean;
}

/** A link for others was made. The event does not hold its secret. */
export interface Shared {
  type: "shared";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  share_id: string;
  access: "drive" | "read";
  /** whether its guests may set the model; absent: they may not */
  may_set_model?: boolean;
}

/** End the session's work for good; its history stays readable. */
export interface Shutdown {
  type: "shutdown";
  /** 1-64 characters of the client's making */
  id?: string;
}

/** The session's last event. */
export interface ShutdownEvent {
  type: "shutdown";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  reason: string;
}

/** The whole view at `seq`; it replaces what the client had. */
export interface Snapshot {
  type: "snapshot";
  /** a position; 0 is before the first event */
  seq: number;
  messages: Message[];
  pending_approval: PendingTool[];
  open_message: OpenMessage | null;
  plan: PlanItem[];
  usage: Usage;
  state: "awaiting_approval" | "closed" | "idle" | "running";
  model: string;
  title: string;
  turn_id: string | null;
  open_calls: OpenCall[];
  queued: QueuedInput[];
  shares: ShareLink[];
  reasoning_effort: "" | "high" | "low" | "medium" | "minimal" | "none";
  /** what runs without asking in this session; absent if nothing does */
  grants?: string[];
  /** those of `grants` that guests gave, each with the id of the guest's link; absent if none */
  guest_grants?: { [key: string]: Json };
  /** of the AGENTS.md that the owner uploaded last; absent if none */
  notes_digest?: string;
  /** what `restore` can make the session's files again, oldest first; absent if there is none */
  snapshots?: WorkspaceSnapshot[];
  /** what running calls ask of the user; absent if nothing */
  questions?: Question[];
  /** what is refused in this session; absent if nothing is */
  denials?: string[];
  /** which calls ask or are refused; absent: `default`, as the server's policy says */
  mode?: string;
  /** oldest messages left out because the frame would pass its bound */
  omitted_messages: number;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
}

/** A tool call that a sub-agent made inside of a call. It is under way as long as it has no `output`. */
export interface Step {
  step_id: string;
  tool: string;
  /** the tool's arguments, a JSON object */
  arguments: { [key: string]: Json };
  /** what it came to, perhaps cut */
  output?: string;
  success?: boolean;
  duration_ms?: number;
}

/** Replay or snapshot is complete: commit position (epoch, seq) now. What follows is live. */
export interface Synced {
  type: "synced";
  /** a position; 0 is before the first event */
  seq: number;
}

/** The session has a title. */
export interface TitleChanged {
  type: "title_changed";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  title: string;
}

/** A tool call of the model. `malformed` is the model's text if it was not a JSON object; `arguments` is then `{}`. */
export interface ToolCall {
  tool_call_id: string;
  tool: string;
  /** the tool's arguments, a JSON object */
  arguments: { [key: string]: Json };
  malformed?: string;
}

/** The model asks for a call. */
export interface ToolCallEvent {
  type: "tool_call";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  tool: string;
  /** the tool's arguments, a JSON object */
  arguments: { [key: string]: Json };
}

/** Live output of a running call: set log[offset:] = text. */
export interface ToolLog {
  type: "tool_log";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  /** in Unicode code points, within its kind */
  offset: number;
  text: string;
}

/** The result of one call; `state` says how it ended. `arguments` is there if a user edited them before approving,
    `steps` if a sub-agent made calls of its own. */
export interface ToolMessage {
  role: "tool";
  tool_call_id: string;
  tool: string;
  output: string;
  success: boolean;
  truncated: boolean;
  duration_ms: number;
  state: "abandoned" | "cancelled" | "completed" | "outcome_unknown" | "rejected";
  /** the tool's arguments, a JSON object */
  arguments?: { [key: string]: Json };
  steps?: Step[];
}

/** The result of a call. */
export interface ToolOutput {
  type: "tool_output";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  tool: string;
  output: string;
  success: boolean;
  truncated: boolean;
  duration_ms: number;
  /** what the call cost, or is estimated to; it adds to the session's cost */
  cost_usd?: number;
  /** what it did to files, of `write` and `edit`; absent if nothing */
  changes?: FileChange[];
}

/** The state of a call changed. After `rejected`, `abandoned`, `cancelled` and `outcome_unknown` no `tool_output` follows. */
export interface ToolStateChange {
  type: "tool_state_change";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  tool: string;
  state: "abandoned" | "approved" | "cancelled" | "outcome_unknown" | "rejected" | "running";
  /** who or what decided it */
  by: "policy" | "restart" | "shutdown" | "user";
  feedback?: string;
  /** on `approved`: the user's edit, which is what runs */
  arguments?: { [key: string]: Json };
  /** of a call that ran and was cut off: what it may have cost; it counts toward the spending limit */
  estimated_usd?: number;
  /** on `approved`: what runs without asking from now on, in this session */
  grant?: string;
  /** of the link by which the guest came who did this; absent: the owner did it */
  share_id?: string;
  /** on `outcome_unknown`: the reason, as models get it */
  detail?: string;
}

/** A call of a sub-agent, inside of a running call: at its start, and again with its result. It replaces the step of the same id. */
export interface ToolStep {
  type: "tool_step";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  tool_call_id: string;
  step: Step;
}

/** A turn ended well. `history_size` counts the messages of the history. */
export interface TurnComplete {
  type: "turn_complete";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  turn_id: string;
  history_size: number;
  /** the text of the last message; absent if the socket was opened with `final_response=no` */
  final_response: string;
}

/** Remove the last turn from the history. What its tools did is not undone; `restore` brings the files back. */
export interface Undo {
  type: "undo";
  /** 1-64 characters of the client's making */
  id?: string;
}

/** The last `removed_messages` messages left the history. `kept` names what was not undone (files, jobs). */
export interface UndoComplete {
  type: "undo_complete";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  removed_messages: number;
  kept: string[];
  /** the snapshot of the files before all that was removed, for `restore`; absent if there is none */
  restore?: string;
}

/** Revoke a link; the sockets that used it are closed, what its guests allowed for the session is taken back, and so is the model that they chose. */
export interface Unshare {
  type: "unshare";
  /** 1-64 characters of the client's making */
  id?: string;
  share_id: string;
}

/** A link was revoked. */
export interface Unshared {
  type: "unshared";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  share_id: string;
  /** submission ids of the queued inputs of its guests, which get no turn; absent if none */
  removed_inputs?: string[];
}

/** Tokens and cost. In a snapshot the first four are totals of the session, the last two those of the newest model call. */
export interface Usage {
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  /** US dollars; null if the price of any part is unknown */
  cost_usd: number | null;
  /** tokens the conversation takes in the model's context */
  context_tokens: number;
  /** tokens the model's context holds; 0 before the first call */
  context_limit: number;
}

/** The tokens and cost of one model call. `cost_usd` is null if unknown.

    With `tool_call_id` it was a sub-agent's: it adds to the totals, and says nothing of the session's own context. */
export interface UsageEvent {
  type: "usage";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  input_tokens: number;
  output_tokens: number;
  cached_tokens: number;
  cost_usd: number | null;
  context_tokens: number;
  context_limit: number;
  /** of the call that spent it */
  tool_call_id?: string;
  /** true: the provider gave no count that can be, or the call was cut short; the tokens are an estimate */
  estimated?: boolean;
}

/** An input of the user. `when` matters while a turn runs: `queue` waits for the next turn, `steer` joins before the next model call. */
export interface UserInput {
  type: "user_input";
  /** 1-64 characters of the client's making */
  id?: string;
  /** what the user says */
  text: string;
  /** default "queue" */
  when?: "queue" | "steer";
  /** what the model is shown with the text */
  images?: ImageFile[];
}

/** A user's input, at the place where it entered the history. */
export interface UserMessage {
  role: "user";
  text: string;
  submission_id: string;
  turn_id: string;
  /** what the model is shown with the text */
  images?: ImageFile[];
}

/** Take back an input that waits for its turn; it gets none. A guest may take back what came by the same link. */
export interface Withdraw {
  type: "withdraw";
  /** 1-64 characters of the client's making */
  id?: string;
  /** of the input, as in `queued` */
  submission_id: string;
}

/** The session's files could not be saved: what this turn does to them cannot be restored. */
export interface WorkspaceNotSaved {
  type: "workspace_not_saved";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  /** the id of the turn before whose first call with effects it was taken, or of a `restore` before it */
  snapshot_id: string;
  message: string;
}

/** A `restore` is done: the session's files are as in the snapshot, but for those in `left`. */
export interface WorkspaceRestored {
  type: "workspace_restored";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  /** the `restore` it answers */
  operation_id: string;
  /** the id of the turn before whose first call with effects it was taken, or of a `restore` before it */
  snapshot_id: string;
  /** how many files and folders were made, or made as they were */
  restored: number;
  /** how many files and folders were removed */
  removed: number;
  /** paths that are not as they were; the first 50 */
  left: string[];
  /** how many paths are not as they were */
  left_count: number;
}

/** There is a snapshot of the session's files: before a turn's first call with effects, or before a `restore`. */
export interface WorkspaceSaved {
  type: "workspace_saved";
  /** position in the session's log, from 1, without holes */
  seq: number;
  /** only on a merged event: it stands for first_seq..seq */
  first_seq?: number;
  /** when it happened, UTC, RFC 3339 */
  at: string;
  /** JSON pointers (RFC 6901) of values that are too large for this socket and cut here; absent if none */
  omitted?: string[];
  /** the id of the turn before whose first call with effects it was taken, or of a `restore` before it */
  snapshot_id: string;
  files: number;
  /** how many of the files are not in it, for lack of room */
  left_out: number;
  /** older snapshots that are not there any more */
  dropped: string[];
}

/** What the session's files were at one moment; `restore` makes them so again. */
export interface WorkspaceSnapshot {
  /** the id of the turn before whose first call with effects it was taken, or of a `restore` before it */
  snapshot_id: string;
  files: number;
  /** how many of the files are not in it, for lack of room */
  left_out: number;
}

/** What a client sends: one of these, told apart by `type`. */
export type Submission =
  | UserInput
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
  | SetMode;

/** A fact of the session: journaled, numbered, the same for every client. */
export type Event =
  | Accepted
  | Processing
  | InputJoined
  | AssistantChunk
  | AssistantMessageEvent
  | ToolCallEvent
  | ApprovalRequired
  | ToolStateChange
  | ToolLog
  | ToolStep
  | ToolOutput
  | PlanUpdate
  | UsageEvent
  | TurnComplete
  | Interrupted
  | Compacted
  | UndoComplete
  | ModelChanged
  | TitleChanged
  | Shared
  | Unshared
  | GrantRevoked
  | GrantDenied
  | InputWithdrawn
  | ModeChanged
  | NotesUploaded
  | NotesChanged
  | WorkspaceSaved
  | WorkspaceNotSaved
  | WorkspaceRestored
  | AskUser
  | QuestionClosed
  | ErrorEvent
  | ShutdownEvent;

/** A frame about one socket, without a position of its own in the log. */
export type SocketFrame =
  | Ready
  | Snapshot
  | Synced
  | Refused
  | Heartbeat;

/** A message of the history, told apart by `role`. */
export type Message =
  | UserMessage
  | AssistantMessage
  | ToolMessage;

/** What the server sends: one of these, told apart by `type`. A client ignores types and fields it does not know. */
export type Frame = SocketFrame | Event;
