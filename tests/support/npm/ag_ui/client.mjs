// AG-UI's own HTTP client, driven from standard input: a JSON object a line is one run; what the client made of it is printed as one line.
// {"say": {...}}: a message that is added before. {"run": {...}}: parameters of the run. {"cutAfter": N}: end the connection behind the Nth
// event. {"state": {...}}: the application's state from now on. {"forget": true}: begin without a history, as a page that was loaded anew.
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";
import { HttpAgent } from "@ag-ui/client";

// The client (1.0.0) cancels a response that has failed, and throws what that says where nobody can catch it.
process.on("unhandledRejection", (error) => {
  if (error.message !== "cut") throw error;
});

const [url, threadId] = process.argv.slice(2);
let left = Infinity;

/** As `fetch`; the connection fails behind the last event that the client is to get. */
async function cutting(address, init) {
  const response = await fetch(address, init);
  if (left === Infinity || !response.ok) return response;
  const body = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const pull = async (controller) => {
    if (left <= 0) {
      await body.cancel();
      await setTimeout(50); // the client drops what it has not applied when an error comes
      return controller.error(new Error("cut"));
    }
    while (!text.includes("\n\n")) {
      const { value, done } = await body.read();
      if (done) return controller.close();
      text += value;
    }
    const end = text.indexOf("\n\n") + 2;
    if (text.startsWith("data:")) left -= 1;
    controller.enqueue(new TextEncoder().encode(text.slice(0, end)));
    text = text.slice(end);
  };
  return new Response(new ReadableStream({ pull }, { highWaterMark: 0 }), response);
}

const anew = () => new HttpAgent({ url, threadId, fetch: cutting });
let agent = anew();
for await (const line of createInterface({ input: process.stdin })) {
  const { say, run, cutAfter, forget, state } = JSON.parse(line);
  if (forget) agent = anew();
  if (say) agent.addMessage(say);
  if (state) agent.setState(state);
  left = cutAfter ?? Infinity;
  const events = [];
  let error = null;
  const subscriber = {
    onEvent({ event }) {
      events.push(event);
    },
    onRunFailed(failure) {
      error = String(failure.error);
      return { stopPropagation: true };
    },
  };
  try {
    await agent.runAgent(run ?? {}, subscriber);
  } catch (failure) {
    error ??= String(failure);
  }
  const { messages, pendingInterrupts } = agent;
  process.stdout.write(`${JSON.stringify({ events, messages, interrupts: pendingInterrupts, error })}\n`);
}
