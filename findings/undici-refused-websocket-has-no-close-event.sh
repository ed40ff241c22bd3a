#!/usr/bin/env bash
# undici==6.29.1 and 7.30.2 (npm, Node 20): where a server refuses the upgrade with 401, the WebSocket of undici 6 has an `error` event, no `close` event, and stays
# CONNECTING (readyState 0) for good. That of undici 7 has both events and is CLOSED (3). A program that comes back on `close` never does with 6.
# Output seen:
#   undici 6.29.1: error; readyState 0
#   undici 7.30.2: error, close 1006; readyState 3
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts six@npm:undici@6.29.1 seven@npm:undici@7.30.2
cat >it.mjs <<'JS'
import { createServer } from "node:http";
const server = createServer();
server.on("upgrade", (request, socket) => socket.end("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
const of = async (name) => {
  const { WebSocket } = await import(name);
  const socket = new WebSocket(`ws://127.0.0.1:${server.address().port}/`);
  const events = [];
  socket.addEventListener("error", () => events.push("error"));
  socket.addEventListener("close", (event) => events.push(`close ${event.code}`));
  await new Promise((over) => setTimeout(over, 2000));
  return `${events.join(", ")}; readyState ${socket.readyState}`;
};
const [six, seven] = [await of("six"), await of("seven")];
console.log(`undici 6.29.1: ${six}`);
console.log(`undici 7.30.2: ${seven}`);
process.exit(six === "error; readyState 0" && seven === "error, close 1006; readyState 3" ? 0 : 1);
JS
node it.mjs
