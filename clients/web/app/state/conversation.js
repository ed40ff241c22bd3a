// Conversation: the state of one session on the page: the library's session, and what the view does not hold.

/** @import { FeedItem } from "../../../js/src/holdfast.js" */
/** @import { Status } from "../../../js/src/lib/status.js" */
/** @import * as Wire from "../../../js/protocol.d.ts" */
/** @import { Note } from "./notes.js" */
import { signal } from "@preact/signals";
import { Session, SubmissionRefused } from "../../../js/src/holdfast.js";
import { base, server } from "../api/base.js";
import { filePath } from "../api/http.js";
import { messageOf } from "../text/format.js";
import { answeredElsewhere, announcementOf, noteOf, refusalText } from "./notes.js";
import { Pace } from "./pace.js";
import { notesOfThePast } from "./past.js";
import { keyAfter, Rows } from "./rows.js";
import { loadDraft, saveDraft, Unsettled } from "./storage.js";
import { announced, config, guest, loginNeeded, notify, pathOf, refreshSessions, showError, showSession } from "./store.js";
import { whyBarred } from "./barred.js";
import { keepVersion } from "./versions.js";
import { imagesOf, Uploads, withFileNames } from "./uploads.js";

/** Events of which a model or a tool makes many in a second. */
const STREAMED = new Set(["assistant_chunk", "tool_log"]);

export class Conversation {
  #unsettled = new Unsettled();
  /** Whether the session is yet to be made. */
  #fresh;
  #rows = new Rows();
  /** @type {{ id: string, text: string, why: string, images?: Wire.ImageFile[], turn_id?: string }[]} */
  #failed = [];
  /** Answers on their way: what is answered is not asked again. @type {Set<string>} */
  answered = new Set();
  /** When each submission was taken, by its id. @type {Map<string, string>} */
  times = new Map();
  /** What calls cost, in US dollars, by their ids. @type {Map<string, number>} */
  costs = new Map();
  /** When calls began, as far as this page saw it, as `Date.now()` counts. @type {Map<string, number>} */
  started = new Map();
  /** @type {Note[]} */
  notes = [];
  #pace = new Pace();
  /** Changes when the view has, but for what streams; at most once a frame. */
  version = this.#pace.version;
  /** Changes when nothing but a text or an output that streams has grown. */
  grown = this.#pace.grown;
  /** @type {import("@preact/signals").Signal<Status>} */
  status;
  /** The message whose text is being changed, by its row's key, and what it is now: the list forgets rows that are far away. */
  editing = signal(/** @type {{ key: string, text: string, begun: boolean } | null} */ (null));
  /** What was opened or closed by hand, by its name. @type {Map<string, boolean>} */
  opened = new Map();
  /** Counts what was learnt of rows that are drawn already. */
  learnt = signal(0);
  uploads = new Uploads();
  /** Counts what may have changed the workspace's files. */
  filesChanged = signal(0);
  /** Counts what was said here: who says something wants to see what comes of it. */
  sent = signal(0);
  /** Words that the message field is to hold. */
  suggested = signal(/** @type {{ text: string } | null} */ (null));
  /** What a new session begins with; null: as the server has it. */
  chosen = signal(/** @type {{ model: string, reasoning_effort: Wire.SetModel["reasoning_effort"] } | null} */ (null));

  /** @param {string | null} sessionId */
  constructor(sessionId) {
    this.#fresh = sessionId === null;
    const unsettled = this.#unsettled.load(sessionId);
    this.session = new Session({ server, sessionId, unsettled });
    for (const one of unsettled) if (one.type === "exec_approval") for (const { tool_call_id } of one.approvals) this.answered.add(tool_call_id);
    this.status = signal(this.session.status);
    this.session.listen((items) => this.#receive(items));
    if (sessionId !== null || unsettled.length) this.session.open();
  }

  get view() {
    return this.session.view;
  }

  get running() {
    return this.view.state === "running" || this.view.state === "awaiting_approval";
  }

  /** What this one may do with the session. */
  get access() {
    const ready = /** @type {(Wire.Ready & { access?: string }) | null} */ (this.session.core.ready);
    return ready?.access ?? (guest.value ? "read" : "owner");
  }

  /** Whether this one may set the model: a guest only if the link says so. */
  get choosesModel() {
    return this.drives && (this.session.core.ready?.may_set_model ?? true);
  }

  /** Whether the server knows no such session: it was deleted, or was never there. */
  get gone() {
    const { phase, action } = this.status.value;
    return phase === "ended" && action === "forget";
  }

  /** Why nothing can be said or done here; empty: it can. */
  get barred() {
    return whyBarred(this);
  }

  /** Whether this one may say and do something here. */
  get drives() {
    return this.barred === "";
  }

  rows() {
    return this.#rows.make(this.view, this.notes, this.session.unsettled, this.#failed);
  }

  /** Say something, with the files that were added. It is kept until the server has it. @param {string} text @param {"queue" | "steer"} when @param {Wire.ImageFile[]} [shown] images of an earlier try */
  say(text, when, shown = []) {
    const files = this.uploads.take();
    const images = [...shown, ...imagesOf(files)];
    const message = withFileNames(text, files.map(({ name }) => name));
    this.#begin();
    this.#send({ type: "user_input", text: message, ...(when === "steer" ? { when } : {}), ...(images.length && { images }) }, message);
  }

  /** Another model, or another effort, from the next answer on. @param {string} model @param {Wire.SetModel["reasoning_effort"]} reasoning_effort */
  use(model, reasoning_effort) {
    if (this.session.status.phase === "idle") this.chosen.value = { model, reasoning_effort };
    else this.now({ type: "set_model", model, reasoning_effort });
  }

  #begin() {
    if (this.session.status.phase !== "idle") return;
    this.session.open();
    if (this.chosen.value) this.#send({ type: "set_model", ...this.chosen.value });
  }

  /** Begin to change what was said. @param {string} key of its row @param {string} text */
  change(key, text) {
    this.editing.value = { key, text, begun: false };
  }

  /** Say something else in the place of what was said; how the session went on from there is kept. @param {string} turn_id @param {string} text @param {Wire.ImageFile[]} [images] */
  async edit(turn_id, text, images = []) {
    try {
      await keepVersion(this, turn_id);
      this.#send({ type: "edit", turn_id, text, ...(images.length && { images }) }, text);
    } catch (error) {
      this.#failed = [...this.#failed, { id: `edit-${turn_id}`, text, why: `how it went on could not be kept: ${messageOf(error)}`, images, turn_id }];
      this.#pace.look();
    }
  }

  /** Say the last thing again in its own place. */
  retry() {
    const last = this.view.messages.findLast((message) => message.role === "user");
    if (last?.role === "user") void this.edit(last.turn_id, last.text, last.images);
  }

  /** @param {Wire.Approval[]} approvals */
  answer(approvals) {
    for (const { tool_call_id } of approvals) this.answered.add(tool_call_id);
    this.#send({ type: "exec_approval", approvals });
  }

  /** What is about now: it is not kept for later, when it would be about something else. @param {Wire.Submission} submission */
  now(submission) {
    if (this.session.core.live) this.#send(submission);
    else notify("Not connected: this can be done again once the page is.", { tone: "bad" });
  }

  /** Something that failed is said again under a new id. @param {string} id */
  again(id) {
    const failed = this.#failed.find((one) => one.id === id);
    this.discard(id);
    if (failed?.turn_id) void this.edit(failed.turn_id, failed.text, failed.images);
    else if (failed) this.say(failed.text, "queue", failed.images);
  }

  /** @param {string} id */
  discard(id) {
    this.#failed = this.#failed.filter((one) => one.id !== id);
    this.#pace.look();
  }

  /** Put files into the workspace. A session that is yet to begin begins. @param {File[]} files */
  async upload(files) {
    await this.uploads.add(files, config.value?.limits?.upload_bytes ?? 0, () => this.begun());
    this.filesChanged.value += 1;
  }

  /** Let a file that was added have the name that another file has. @param {number} id of the upload */
  async replace(id) {
    await this.uploads.replace(id, await this.begun());
    this.filesChanged.value += 1;
  }

  /** @param {string} path */
  fileLink(path) {
    return this.session.sessionId === null ? null : base + filePath(this.session.sessionId, path);
  }

  close() {
    this.session.close();
  }

  /** The session's id. A session that is yet to begin begins. @returns {Promise<string>} */
  async begun() {
    this.#begin();
    return this.session.sessionId ?? new Promise((resolve) => {
      const silence = this.session.listen(() => {
        if (this.session.sessionId === null) return;
        silence();
        resolve(this.session.sessionId);
      });
    });
  }

  /** @param {Wire.Submission} submission @param {string} [text] what a person wrote, which must not be lost */
  #send(submission, text) {
    this.session.submit(submission).catch((error) => {
      if (!(error instanceof SubmissionRefused)) return; // it ended: what is not settled is kept
      if (submission.type === "exec_approval") for (const one of submission.approvals) this.answered.delete(one.tool_call_id);
      if (text === undefined) notify(refusalText(error), { tone: "bad" });
      else this.#failed = [...this.#failed, { id: error.id, text, why: refusalText(error), ...("images" in submission && { images: submission.images }) }];
      this.#pace.look();
    });
  }

  /** @param {FeedItem[]} items */
  #receive(items) {
    if (this.#fresh && this.session.sessionId !== null) this.#made(this.session.sessionId);
    for (const one of items) {
      if (one.kind === "status") this.#changed(one.status);
      else if (one.kind === "event") this.#event(one.event, one.messages);
      else if (one.kind === "view_reset") this.notes = [];
      else if (one.kind === "caught_up" && !one.recovered) void this.#readNotes();
    }
    if (!this.#unsettled.save(this.session.sessionId, this.session.unsettled)) notify("The browser has no room to keep what you say over a reload.", { tone: "bad" });
    this.#pace.look(items.length > 0 && items.every((one) => one.kind === "event" && STREAMED.has(one.event.type)));
  }

  /** @param {Status} status */
  #changed(status) {
    if (status.phase === "ended" && status.action === "log_in") loginNeeded.value = guest.value ? "The link that you came by was taken back." : "Your login ended. Log in, and you are back where you were.";
    this.status.value = status;
  }

  /** The address names the session as soon as there is one, or the next look at it would begin another. @param {string} id */
  #made(id) {
    this.#fresh = false;
    this.#unsettled.save(null, []);
    saveDraft(id, loadDraft(null));
    saveDraft(null, "");
    if (location.pathname === pathOf(null)) showSession(id, { replace: true });
    void refreshSessions().catch(showError);
  }

  /** @param {Wire.Event} event @param {number} messages that there were then */
  #event(event, messages) {
    const note = noteOf(event, keyAfter(this.view.messages, messages));
    if (note) this.notes.push(note);
    this.#remember(event);
    if (event.type === "tool_state_change" && event.state === "running") this.started.set(event.tool_call_id, Date.now());
    if (event.type === "tool_output" || event.type === "workspace_restored") this.filesChanged.value += 1;
    if (event.type === "tool_state_change" && this.session.core.live) {
      const settled = answeredElsewhere(event, this.answered);
      if (settled) notify(settled);
    }
    announced.value = announcementOf(event) ?? announced.value;
    if (["turn_complete", "interrupted", "error", "title_changed", "approval_required", "ask_user", "question_closed", "processing"].includes(event.type)) void refreshSessions().catch(() => {});
  }

  /** A snapshot does not say what failed or was stopped; the newest events do. */
  async #readNotes() {
    const { sessionId: id, view } = this.session;
    const found = id !== null && view.messages.length ? await notesOfThePast(id, view, (event) => this.#remember(event)) : null;
    if (found === null) return;
    const newest = new Set(this.notes.map((note) => note.seq));
    this.notes = [...found.filter((note) => !newest.has(note.seq)), ...this.notes];
    this.learnt.value += 1;
    this.#pace.look();
  }

  /** What the view does not hold, and events tell. @param {Wire.Event} event */
  #remember(event) {
    if (event.type === "accepted") this.times.set(event.submission_id, event.at);
    if (event.type === "tool_output" && event.cost_usd !== undefined) this.costs.set(event.tool_call_id, event.cost_usd);
  }
}
