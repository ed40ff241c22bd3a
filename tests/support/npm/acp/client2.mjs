// The SDK's client of version 2 against an agent that is started with the arguments: a turn with a call that is approved, then a resume from
// the start and one from the position of the last update. Prints one JSON object a line: what happened.
import { spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream } from "@agentclientprotocol/sdk/experimental/v2";

const POSITION = "_holdfast.position";
const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const agent = spawn(process.argv[2], process.argv.slice(3), { stdio: ["pipe", "pipe", "inherit"] });
const ended = new Promise((resolve) => agent.on("exit", resolve));
let updates = [];
let position = null;
let rested = () => {};
let stated = () => {};

const app = client({ name: "test" })
  .onNotification(methods.client.session.update, ({ params }) => {
    updates.push(params.update.sessionUpdate);
    position = params._meta?.[POSITION] ?? position;
    if (params.update.sessionUpdate !== "state_update") return;
    stated();
    if (params.update.stopReason) rested(params.update.stopReason);
  })
  .onRequest(methods.client.session.requestPermission, ({ params }) => ({
    outcome: { outcome: "selected", optionId: params.options[0].optionId },
  }));

await app.connectWith(ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout)), async (context) => {
  const info = { name: "test", version: "1" };
  const { protocolVersion } = await context.request(methods.agent.initialize, { protocolVersion: 2, info, capabilities: {} });
  tell({ protocolVersion });
  const folder = { cwd: process.cwd() };
  const { sessionId } = await context.request(methods.agent.session.new, folder);
  const rest = new Promise((resolve) => (rested = resolve));
  const prompt = [{ type: "text", text: "write a file" }];
  const { messageId } = await context.request(methods.agent.session.prompt, { sessionId, prompt });
  tell({ inserted: messageId.length > 0, stopReason: await rest });
  updates = [];
  const since = { type: POSITION, ...position };
  const state = new Promise((resolve) => (stated = resolve)); // the SDK may hand on an update after the answer that it came before
  await context.request(methods.agent.session.resume, { ...folder, sessionId, replayFrom: since });
  await state;
  tell({ since: updates.filter((kind) => kind !== "available_commands_update") });
  updates = [];
  const again = new Promise((resolve) => (stated = resolve));
  await context.request(methods.agent.session.resume, { ...folder, sessionId, replayFrom: { type: "start" } });
  await again;
  tell({ start: [...new Set(updates)].includes("agent_message_chunk") });
});
agent.stdin.end();
tell({ exit: await ended });
