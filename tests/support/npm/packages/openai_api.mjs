// OpenAI's own JavaScript client, and the AI SDK's provider for compatible servers, against the server at the first argument. Prints what
// each got, one JSON object a line.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { streamText } from "ai";
import OpenAI from "openai";

const baseURL = process.argv[2];
const tell = (fact) => process.stdout.write(`${JSON.stringify(fact)}\n`);

const client = new OpenAI({ baseURL, apiKey: "none" });
const messages = [{ role: "user", content: "hi" }];
let content = "";
for await (const chunk of await client.chat.completions.create({ model: "holdfast", messages, stream: true })) {
  content += chunk.choices[0]?.delta.content ?? "";
}
tell({ chat: content });
const first = await client.responses.create({ model: "holdfast", input: "hi" });
const second = client.responses.stream({ model: "holdfast", input: "go on", previous_response_id: first.id });
tell({ first: first.output_text, second: (await second.finalResponse()).output_text });
try {
  await client.chat.completions.create({ model: "holdfast", messages: [{ role: "assistant", content: "" }] });
} catch (error) {
  tell({ refused: error.constructor.name, code: error.code });
}

const provider = createOpenAICompatible({ name: "holdfast", baseURL, includeUsage: true });
const result = streamText({ model: provider("holdfast"), messages });
tell({ text: await result.text, reasoning: await result.reasoningText, tokens: (await result.usage).totalTokens > 0 });
