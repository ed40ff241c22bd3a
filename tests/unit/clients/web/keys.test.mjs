// Origin keys: kept in the storage of the origin, and given to no other origin. Run by test_node.py.

import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";
import { keepKey, keyHeaders, keysFor, keySubprotocols, storeKeys } from "../../../../clients/js/src/lib/keys.js";

const HERE = "http://localhost:7860";

beforeEach(() => {
  const kept = new Map();
  globalThis.sessionStorage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => kept.set(name, value), removeItem: (name) => kept.delete(name) };
  globalThis.location = new URL(`${HERE}/s/1`);
});

test("each kind has one key, which a newer one replaces", () => {
  assert.deepEqual(keysFor(HERE), []);
  keepKey("login", "hfk_a", HERE);
  keepKey("guest", "hfk_b", HERE);
  keepKey("login", "hfk_c", HERE);
  assert.deepEqual(keysFor(HERE), ["hfk_c", "hfk_b"]);
  keepKey("login", undefined, HERE);
  assert.deepEqual(keysFor("/"), ["hfk_b"]);
  storeKeys({}, HERE);
  assert.deepEqual(keysFor(HERE), []);
});

test("another port, scheme or host gets none", () => {
  keepKey("login", "hfk_a", HERE);
  for (const server of ["http://localhost:7861", "https://localhost:7860", "http://127.0.0.1:7860", "//box:7860", "http://localhost"]) {
    assert.deepEqual(keysFor(server), [], server);
  }
  delete globalThis.location;
  assert.deepEqual(keysFor(HERE), []);
});

test("servers below paths of one origin have keys of their own", () => {
  keepKey("login", "hfk_a", `${HERE}/agent`);
  keepKey("login", "hfk_b", `${HERE}/agent/other`);
  assert.deepEqual(keysFor(`${HERE}/agent/`), ["hfk_a"]);
  assert.deepEqual(keysFor(HERE), []);
  storeKeys({}, `${HERE}/agent`);
  assert.deepEqual([keysFor(`${HERE}/agent`), keysFor("/agent/other")], [[], ["hfk_b"]]);
});

test("what is not a key is not sent, and storage that fails stops nothing", () => {
  for (const stored of ["{", "null", "3", '["a b"]', '{"login": 3, "guest": "a, b"}']) {
    sessionStorage.setItem("holdfast.keys", stored);
    assert.deepEqual(keysFor(HERE), [], stored);
  }
  sessionStorage.setItem = () => { throw new Error("full"); };
  keepKey("login", "hfk_a", HERE);
  assert.deepEqual(keysFor(HERE), []);
});

test("keys are one header, and a subprotocol each", () => {
  assert.deepEqual(keyHeaders([]), {});
  assert.deepEqual(keyHeaders(["hfk_a", "hfk_b"]), { "holdfast-key": "hfk_a, hfk_b" });
  assert.deepEqual(keySubprotocols(["hfk_a"]), ["holdfast.key.hfk_a"]);
});
