// For test_fold.py: takes journals, one a line (a list of events), and gives the view after each event, one line a journal.

import { createInterface } from "node:readline";
import { apply, emptyView } from "../../../../clients/web/view.js";

for await (const line of createInterface({ input: process.stdin })) {
  const view = emptyView();
  const views = [];
  for (const event of JSON.parse(line)) {
    apply(view, event);
    views.push(JSON.stringify(view));
  }
  process.stdout.write(`[${views.join(",")}]\n`);
}
