// What the page keeps in the browser, and that nothing of it is left after a logout. Run by test_node.py.

import assert from "node:assert/strict";
import test from "node:test";

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
