// For test_fold.py: takes journals, one a line (a list of events), and gives the view after each event,
// one line a journal; with `last` before the list, the last one alone. Holds that the views that do not change say the same.

import assert from "node:assert/strict";
import { createInterface } from "node:readline";
import { Unchanged } from "../../../../clients/js/src/lib/unchanged.js";
import { apply, emptyView } from "../../../../clients/js/src/view.js";

for await (const line of createInterface({ input: process.stdin })) {
  const view = emptyView();
  const views = [];
  const last = line.startsWith("last");
  const unchanged = new Unchanged();
  let before = { view: unchanged.of(view), text: JSON.stringify(view) };
  for (const event of JSON.parse(last ? line.slice(4) : line)) {
    apply(view, event);
    if (last) continue;
    views.push(JSON.stringify(view));
    unchanged.stale = true;
    const now = unchanged.of(view);
    assert.deepEqual(now, view);
    assert.equal(JSON.stringify(before.view), before.text);
    before = { view: now, text: JSON.stringify(now) };
  }
  process.stdout.write(last ? `${JSON.stringify(view)}\n` : `[${views.join(",")}]\n`);
}
