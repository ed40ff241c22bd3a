#!/usr/bin/env bash
# @durable-streams/server==0.3.7 (npm; file-backed, Node 20): while a message is being stored, a read that starts further back already gets it and is told
# the offset behind it. The next read, at exactly that offset, is answered with no message, `Stream-Up-To-Date: true` and a Stream-Next-Offset that is one
# message OLDER; a reader that goes on from what it was told gets that message a second time.
# Output seen (numbers vary):
#   read from the start: up to message 2, next offset ...39
#   read at ...39:       no message, up to date, next offset ...26
#   read at ...26:       message 2 again
# Fails if that does not happen in 2000 appends.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts '@durable-streams/server@0.3.7'
cat >server.mjs <<'JS'
import { DurableStreamTestServer } from "@durable-streams/server";
import { createServer } from "node:net";
const free = createServer().listen(0, "127.0.0.1");
await new Promise((ready) => free.on("listening", ready));
const { port } = free.address();
await new Promise((over) => free.close(over));
const server = new DurableStreamTestServer({ port, host: "127.0.0.1", dataDir: process.argv[2] });
await server.start();
console.error = () => {};
console.log(`http://127.0.0.1:${port}/v1/stream/it`);
JS
cat >reader.mjs <<'JS'
import { spawn } from "node:child_process";
const server = spawn(process.execPath, ["server.mjs", "data"], { stdio: ["ignore", "pipe", "ignore"] });
const url = await new Promise((found) => {
  let text = "";
  server.stdout.on("data", (part) => {
    text += part;
    const line = text.match(/^http\S+$/m);
    if (line) found(line[0]);
  });
});
const headers = { "content-type": "application/json" };
await fetch(url, { method: "PUT", headers });
const read = async (offset) => {
  const answer = await fetch(`${url}?offset=${offset}`);
  return { messages: JSON.parse((await answer.text()) || "[]"), next: answer.headers.get("stream-next-offset"), upToDate: answer.headers.get("stream-up-to-date") };
};
let done = false;
const short = (offset) => `...${Number(offset.split("_")[1])}`;
const writing = (async () => {
  for (let n = 0; n < 2000 && !done; n++) await fetch(url, { method: "POST", headers, body: JSON.stringify({ n }) });
  done = true;
})();
let seen = false;
while (!done) {
  const first = await read("-1");
  const second = await read(first.next);
  if (first.messages.length && !second.messages.length && second.next < first.next) {
    const third = await read(second.next);
    const last = first.messages.at(-1).n;
    console.log(`read from the start: up to message ${last}, next offset ${short(first.next)}`);
    console.log(`read at ${short(first.next)}:       no message, ${second.upToDate === "true" ? "up to date" : "more to come"}, next offset ${short(second.next)}`);
    console.log(`read at ${short(second.next)}:       message ${third.messages[0]?.n} again`);
    seen = second.upToDate === "true" && third.messages[0]?.n === last;
    done = true;
  }
}
await writing;
server.kill();
if (!seen) console.log("the offsets never went back");
process.exit(seen ? 0 : 1);
JS
node reader.mjs
