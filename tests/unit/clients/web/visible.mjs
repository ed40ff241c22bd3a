// For test_visible.py: takes texts, one JSON string a line, and gives them as `visible` and `exact` show them.

import { createInterface } from "node:readline";
import { exact, visible } from "../../../../clients/web/app/text/visible.js";

for await (const line of createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  process.stdout.write(`${JSON.stringify([visible(text), exact(text)])}\n`);
}
