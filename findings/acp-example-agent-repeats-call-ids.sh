#!/usr/bin/env bash
# @agentclientprotocol/sdk==1.9.0 (npm, Node 20): the example agent that it ships gives its tool calls the same ids in every prompt of a session, where the
# types of the same package call `toolCallId` the "unique identifier for this tool call within the session". A client that keeps calls by their id, as
# the protocol invites it to, writes the second prompt's calls over the first one's.
# Output seen:
#   the types say:       Unique identifier for this tool call within the session.
#   of the first prompt: call_1 call_2
#   of the second:       call_1 call_2
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts '@agentclientprotocol/sdk@1.9.0'
package=node_modules/@agentclientprotocol/sdk
says=$(grep -o 'Unique identifier for this tool call within the session\.' "$package/dist/schema/types.gen.d.ts" | head -1)
echo "the types say:       $says"
cat >client.mjs <<'JS'
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const agent = spawn(process.execPath, [process.argv[2]], { stdio: ["pipe", "pipe", "inherit"] });
const send = (message) => agent.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const answers = new Map();
let ids = [];

createInterface({ input: agent.stdout }).on("line", (line) => {
  const message = JSON.parse(line);
  if (message.method === "session/request_permission") {
    const { optionId } = message.params.options.find((option) => option.kind === "allow_once");
    send({ id: message.id, result: { outcome: { outcome: "selected", optionId } } });
  } else if (message.params?.update?.sessionUpdate === "tool_call") {
    ids.push(message.params.update.toolCallId);
  } else if (answers.has(message.id)) answers.get(message.id)(message.result);
});

let last = 0;
const ask = (method, params) =>
  new Promise((resolve) => {
    last += 1;
    answers.set(last, resolve);
    send({ id: last, method, params });
  });

await ask("initialize", { protocolVersion: 1, clientCapabilities: {} });
const { sessionId } = await ask("session/new", { cwd: "/", mcpServers: [] });
for (const which of ["of the first prompt:", "of the second:      "]) {
  ids = [];
  await ask("session/prompt", { sessionId, prompt: [{ type: "text", text: "hello" }] });
  console.log(which, ids.join(" "));
}
agent.kill();
JS
node client.mjs "$package/dist/examples/agent.js" | tee output
[ -n "$says" ]
[ "$(cat output)" = 'of the first prompt: call_1 call_2
of the second:       call_1 call_2' ]
