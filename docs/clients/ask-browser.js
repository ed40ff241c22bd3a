// Asks questions in one session, in a page of the server's own origin: ask(sessionId, questions, show). The library does all that a client must.

import { connect } from "/static/holdfast.js";

const ENDS = new Set(["turn_complete", "interrupted", "error"]);

/** @param {string} sessionId @param {string[]} questions @param {(answer: string) => void} show */
export function ask(sessionId, questions, show) {
  const session = connect({ server: location.origin, sessionId });
  return new Promise((resolve, reject) => {
    const next = () => {
      const text = questions.shift();
      if (text !== undefined) return session.submit({ type: "user_input", text }).catch(reject); // over as many sockets as it takes
      resolve(undefined);
      session.close();
    };
    session.listen((items) => {
      for (const item of items) {
        if (item.kind !== "event" || !ENDS.has(item.event.type)) continue;
        show(item.event.final_response ?? `(${item.event.type})`);
        next();
      }
      if (session.status.phase === "ended") reject(new Error(session.status.why));
    });
    next();
  });
}
