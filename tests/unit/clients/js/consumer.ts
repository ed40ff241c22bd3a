// For test_package.py: a program in TypeScript that uses the package, checked by tsc in its strict mode.

import { connect, SubmissionRefused, type FeedItem, type Session } from "holdfast-client";
import { connect as connectFromNode } from "holdfast-client/node";

const session: Session = connect({ server: "https://example.org", ticket: async () => "hfw_x" });
session.listen((items: FeedItem[]) => {
  for (const item of items) if (item.kind === "event" && item.event.type === "assistant_chunk") console.log(item.event.text);
});
const texts: string[] = session.unchangedView.messages.map((message) => (message.role === "tool" ? message.output : message.text));

export async function say(text: string): Promise<string> {
  const other = connectFromNode({ server: "http://localhost:7860", token: async () => "secret", sessionId: session.sessionId });
  try {
    return (await other.submit({ type: "user_input", text })).submission_id;
  } catch (error) {
    if (error instanceof SubmissionRefused) return error.code;
    throw error;
  }
}

// @ts-expect-error: no such submission
session.send({ type: "user_imput", text: texts[0] });
// @ts-expect-error: no such phase of the connection
if (session.status.phase === "lively") session.close();
