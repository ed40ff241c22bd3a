// The SDK's own client against an agent that is started with the arguments: a turn with a call that is approved, one whose question is
// withdrawn, and a load. Prints one JSON object a line: what happened.
import { spawn } from "node:child_process";
import { Readable, Writable } from "node:stream";
import { client, methods, ndJsonStream } from "@agentclientprotocol/sdk";

const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);
const agent = spawn(process.argv[2], process.argv.slice(3), { stdio: ["pipe", "pipe", "inherit"] });
const text = { live: "", loaded: "" };
let place = "live";
let answers = 0;

const app = client({ name: "test" })
  .onNotification(methods.client.session.update, ({ params }) => {
    if (params.update.sessionUpdate === "agent_message_chunk") text[place] += params.update.content.text;
  })
  .onRequest(methods.client.session.requestPermission, ({ params, signal }) => {
    answers += 1;
    tell({ asked: params.toolCall.title, call: params.toolCall.toolCallId, session: params.sessionId });
    if (answers === 1) return { outcome: { outcome: "selected", optionId: params.options[0].optionId } };
    // The second question waits until the agent withdraws it: whoever started this answers it elsewhere.
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        tell({ withdrawn: true });
        resolve({ outcome: { outcome: "cancelled" } });
      });
    });
  });

await app.connectWith(ndJsonStream(Writable.toWeb(agent.stdin), Readable.toWeb(agent.stdout)), async (context) => {
  const { protocolVersion } = await context.request(methods.agent.initialize, { protocolVersion: 1, clientCapabilities: {} });
  tell({ protocolVersion });
  const place_of = { cwd: process.cwd(), mcpServers: [] };
  const { sessionId } = await context.request(methods.agent.session.new, place_of);
  for (const words of ["write a file", "write another file"]) {
    const prompt = [{ type: "text", text: words }];
    tell(await context.request(methods.agent.session.prompt, { sessionId, prompt }));
  }
  place = "loaded";
  await context.request(methods.agent.session.load, { ...place_of, sessionId });
  tell({ same: text.live === text.loaded, characters: text.loaded.length });
});
agent.stdin.end();
agent.on("exit", (code) => tell({ exit: code }));
