#!/usr/bin/env bash
# faye-websocket==0.11.4 (npm, client) with ws==8.23.0 (server): a server that closes with 1012, "service restart" in the registry of close codes, is shown to
# the program as 1002, "protocol error", with the server's reason. 1001 is shown as it is. A client that does not come back after a 1002 stays away after
# each restart.
# Output seen:
#   closed by the server with 1001: the client's close event has 1001 "restarting"
#   closed by the server with 1012: the client's close event has 1002 "restarting"
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts faye-websocket@0.11.4 ws@8.23.0
cat >it.cjs <<'JS'
const { WebSocketServer } = require("ws");
const { Client } = require("faye-websocket");
const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
server.on("connection", (socket, request) => socket.close(Number(request.url.slice(1)), "restarting"));
const shown = (code) =>
  new Promise((done) => {
    new Client(`ws://127.0.0.1:${server.address().port}/${code}`).on("close", (event) => done(event));
  });
server.on("listening", async () => {
  const codes = [];
  for (const code of [1001, 1012]) {
    const event = await shown(code);
    codes.push(event.code);
    console.log(`closed by the server with ${code}: the client's close event has ${event.code} "${event.reason}"`);
  }
  process.exit(codes.join() === "1001,1002" ? 0 : 1);
});
JS
node it.cjs
