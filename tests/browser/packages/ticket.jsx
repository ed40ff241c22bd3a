// For test_ticket.py: a page on another origin than the server's, which gets a ticket for each websocket from its own backend.

import { connect } from "holdfast-client";

const shown = document.body.appendChild(document.createElement("pre"));
const ticket = async () => (await fetch("/page/ticket", { method: "POST" })).text();
const session = connect({ server: new URL(location.href).searchParams.get("server"), ticket });
session.listen(() => {
  shown.textContent = [session.status.phase, ...session.view.messages.map((message) => message.text)].join("\n");
});
session.send({ type: "user_input", text: "hello" });
Object.assign(globalThis, { session });
