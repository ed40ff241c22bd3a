// For test_package.py: a conversation by the packed package. Called with the server's address, a token and perhaps `ws`; prints what came as JSON.

import { connect } from "holdfast-client/node";

const [server, token, library] = process.argv.slice(2);
const { WebSocket } = library ? await import(library) : globalThis;
const until = (session, holds) =>
  new Promise((resolve) => {
    const look = () => holds(session) && (silence(), resolve());
    const silence = session.listen(look);
    look();
  });

const refused = connect({ server, token: "wrong", WebSocket });
await until(refused, ({ status }) => status.phase === "ended");

const session = connect({ server, token, WebSocket });
await session.submit({ type: "user_input", text: "Write a file, please." });
await until(session, ({ view }) => view.pending_approval.length);
const [{ tool_call_id }] = session.view.pending_approval;
await session.submit({ type: "exec_approval", approvals: [{ tool_call_id, approved: true, scope: "session" }] });
await until(session, ({ view }) => view.state === "idle");

const second = connect({ server, token: () => token, sessionId: session.sessionId, WebSocket });
await until(second, ({ status }) => status.phase === "live");
const same = JSON.stringify(second.unchangedView) === JSON.stringify(session.unchangedView);
console.log(JSON.stringify({ action: refused.status.action, messages: session.view.messages, grants: session.view.grants, same }));
session.close();
second.close();
