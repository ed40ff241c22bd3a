// For test_fold.py: takes journals, one a line (a list of events), and gives the view after each event,
// one line a journal; with `last` before the list, the last one alone.

import { createInterface } from "node:readline";
import { apply, emptyView } from "../../../../clients/js/src/view.js";

for await (const line of createInterface({ input: process.stdin })) {
  const view = emptyView();
  const views = [];
  const last = line.startsWith("last");
  for (const event of JSON.parse(last ? line.slice(4) : line)) {
    apply(view, event);
    if (!last) views.push(JSON.stringify(view));
  }
  process.stdout.write(last ? `${JSON.stringify(view)}\n` : `[${views.join(",")}]\n`);
}
