// Origin keys: kept in the storage of the origin, and given to no other origin. Run by test_node.py.

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { forgetKeys, keepKey, keyHeaders, keysFor, keySubprotocols } from "../../../../clients/web/lib/keys.js";

const HERE = "http://localhost:7860";

beforeEach(() => {
  const kept = new Map();
  globalThis.localStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  globalThis.location = new URL(`${HERE}/s/1`);
});

test("each kind has one key, which a newer one replaces", () => {
  assert.deepEqual(keysFor(HERE), []);
  keepKey("login", "hfk_a");
  keepKey("guest", "hfk_b");
  keepKey("login", "hfk_c");
  assert.deepEqual(keysFor(HERE), ["hfk_c", "hfk_b"]);
  keepKey("login", undefined);
  assert.deepEqual(keysFor("/api/me"), ["hfk_b"]);
  forgetKeys();
  assert.deepEqual(keysFor(HERE), []);
});

test("another port, scheme or host gets none", () => {
  keepKey("login", "hfk_a");
  for (const server of ["http://localhost:7861", "https://localhost:7860", "http://127.0.0.1:7860", "//box:7860", "http://localhost"]) {
    assert.deepEqual(keysFor(server), [], server);
  }
  delete globalThis.location;
  assert.deepEqual(keysFor(HERE), []);
});

test("what is not a key is not sent, and storage that fails stops nothing", () => {
  for (const stored of ["{", "null", "3", '["a b"]', '{"login": 3, "guest": "a, b"}']) {
    localStorage.setItem("holdfast.keys", stored);
    assert.deepEqual(keysFor(HERE), [], stored);
  }
  localStorage.setItem = () => { throw new Error("full"); };
  keepKey("login", "hfk_a");
  assert.deepEqual(keysFor(HERE), []);
});

test("keys are one header, and a subprotocol each", () => {
  assert.deepEqual(keyHeaders([]), {});
  assert.deepEqual(keyHeaders(["hfk_a", "hfk_b"]), { "holdfast-key": "hfk_a, hfk_b" });
  assert.deepEqual(keySubprotocols(["hfk_a"]), ["holdfast.key.hfk_a"]);
});
