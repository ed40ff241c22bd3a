// The page's state: what it keeps in the browser, what of a list is news, and when it is drawn. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";
import { buildSync } from "esbuild";

/** A browser's storage, as far as the page uses it. */
class FakeStorage {
  getItem(key) {
    return this[key] ?? null;
  }
  setItem(key, value) {
    this[key] = value;
  }
  removeItem(key) {
    delete this[key];
  }
}

globalThis.sessionStorage = new FakeStorage();
globalThis.localStorage = new FakeStorage();
const { ifChanged } = await import("../../../../clients/web/app/api/http.js");
const { kept, newsOf } = await import("../../../../clients/web/app/state/session-list.js");
const { forgetAll, loadDraft, saveDraft, Unsettled } = await import("../../../../clients/web/app/state/storage.js");

test("a logout leaves no draft and no unanswered submission behind, and what is not the page's stays", () => {
  saveDraft(null, "a new session");
  saveDraft("5e55", "half a sentence");
  new Unsettled().save("5e55", [{ type: "user_input", text: "sent", id: "c1" }]);
  localStorage.setItem("other", "stays");
  forgetAll();
  assert.equal(loadDraft(null), "");
  assert.equal(loadDraft("5e55"), "");
  assert.deepEqual(new Unsettled().load("5e55"), []);
  assert.deepEqual([...Object.keys(localStorage), ...Object.keys(sessionStorage)], ["other"]);
});

test("in a browser that keeps nothing there is nothing, and no fault", (t) => {
  const { localStorage } = globalThis;
  t.after(() => Object.defineProperty(globalThis, "localStorage", { value: localStorage, writable: true, configurable: true }));
  Object.defineProperty(globalThis, "localStorage", { get: () => assert.fail("denied"), configurable: true });
  const unsettled = new Unsettled();
  assert.equal(unsettled.save("5e55", [{ type: "user_input", text: "sent", id: "c1" }]), false);
  assert.deepEqual(unsettled.load("5e55"), []);
  saveDraft("5e55", "");
  assert.equal(loadDraft("5e55"), "");
  forgetAll();
});

test("a list of sessions that is asked for again keeps what is the same, and is itself where nothing changed", () => {
  const one = (id, more = {}) => ({ session_id: id, title: id, last_active_at: "t", is_processing: false, state: "idle", pending_approval: [], ...more });
  const before = [one("a"), one("b")];
  assert.equal(kept(before, [one("a"), one("b")]), before);
  const after = kept(before, [one("b", { is_processing: true }), one("a")]);
  assert.equal(after[1], before[0]);
  assert.ok(after[0].is_processing);
  assert.equal(kept(before, [one("a")]).length, 1);
});

test("news are answers that are complete, calls that wait and questions that are asked, of sessions that were known", () => {
  const one = (more = {}) => ({ session_id: "a", title: "A", is_processing: false, pending_approval: [], message_count: 2, ...more });
  const kinds = (before, now, seen = new Map()) => newsOf(before, now, seen).map(({ kind }) => kind);
  assert.deepEqual(kinds([], [one()]), []);
  assert.deepEqual(kinds([one({ is_processing: true })], [one()]), ["done"]);
  assert.deepEqual(kinds([one()], [one({ message_count: 4 })]), ["done"]);
  assert.deepEqual(kinds([one()], [one({ is_processing: true, message_count: 3 })]), []);
  assert.deepEqual(kinds([one({ is_processing: true, message_count: 1 })], [one()], new Map([["a", 2]])), [], "who left the session had seen it");
  assert.deepEqual(kinds([one({ is_processing: true, message_count: 3 })], [one({ message_count: 4 })], new Map([["a", 2]])), ["done"]);
  assert.deepEqual(kinds([one({ is_processing: true })], [one({ is_processing: true, pending_approval: [{}] })]), ["waits"]);
  assert.deepEqual(kinds([one({ pending_approval: [{}, {}] })], [one({ is_processing: true, pending_approval: [{}] })]), []);
  const asked = one({ is_processing: true, questions: [{ question_id: "q", asker: "the agent", message: "Which?" }] });
  assert.deepEqual(kinds([one({ is_processing: true })], [asked]), ["asks"]);
  assert.deepEqual(kinds([asked], [{ ...asked, questions: [...asked.questions] }]), []);
  assert.deepEqual(kinds([asked], [one({ is_processing: true })]), []);
  assert.notEqual(kept([asked], [one({ is_processing: true })])[0], asked, "a line is drawn anew once its question is closed");
  assert.equal(kept([asked], [{ ...asked }])[0], asked);
});

test("of answers that overtake one another the one that was asked for last holds", async () => {
  globalThis.location = new URL("http://localhost/");
  const asked = [];
  globalThis.fetch = (_, { headers }) => new Promise((resolve) => asked.push({ headers, answer: (etag) => resolve(new Response(JSON.stringify(etag), { headers: { etag } })) }));
  const [first, second] = [ifChanged("/list"), ifChanged("/list")];
  asked[1].answer("newer");
  assert.equal(await second, "newer");
  asked[0].answer("older");
  assert.equal(await first, null);
  void ifChanged("/list");
  assert.equal(asked[2].headers["if-none-match"], "newer");
});

test("what changes in a tab that was left while a frame was waited for is drawn all the same, once", async (t) => {
  // The page finds its libraries by its import map.
  const { text } = buildSync({ entryPoints: ["../../../../clients/web/app/state/pace.js"], bundle: true, format: "esm", write: false, nodePaths: ["node_modules"] }).outputFiles[0];
  const { Pace } = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const frames = new Map();
  globalThis.document = { hidden: false };
  globalThis.requestAnimationFrame = (act) => frames.set(frames.size + 1, act).size;
  globalThis.cancelAnimationFrame = (frame) => frames.delete(frame);
  const pace = new Pace();
  pace.look();
  assert.equal(frames.size, 1);
  document.hidden = true; // and the browser gives no frame from here on
  pace.look();
  t.mock.timers.tick(1_000);
  assert.equal(pace.version.value, 1);
  assert.equal(frames.size, 0);
  document.hidden = false;
  pace.look();
  for (const act of frames.values()) act();
  assert.equal(pace.version.value, 2);
});
