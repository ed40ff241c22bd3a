// For test_ai_sdk.py: a chat by the AI SDK over a session of Holdfast, by the hook that the README has.

import { useStatus } from "holdfast-client/react";
import { memo, StrictMode, useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { useHoldfastChat } from "./use-holdfast-chat.js";

const drawn = {};

const Message = memo(function Message({ message, answer }) {
  drawn[message.id] = (drawn[message.id] ?? 0) + 1;
  return (
    <li data-role={message.role} data-id={message.id}>
      {message.parts.map((part, place) => {
        if (part.type === "text") return <p key={place}>{part.text}</p>;
        if (part.type !== "dynamic-tool") return null;
        return (
          <div key={place} data-call={part.toolName} data-state={part.state}>
            {part.state === "approval-requested" && (
              <>
                <button onClick={() => answer({ id: part.approval.id, approved: true })}>Approve</button>
                <button onClick={() => answer({ id: part.approval.id, approved: false, reason: "not now" })}>Reject</button>
              </>
            )}
            {part.output ?? part.errorText}
          </div>
        );
      })}
    </li>
  );
});

function App() {
  const chat = useHoldfastChat({ server: location.origin, sessionId: location.hash.slice(1) || null });
  const { session, messages, sendMessage, status, error, stop, regenerate, addToolApprovalResponse } = chat;
  const { phase } = useStatus(session);
  useEffect(() => {
    if (session.sessionId) history.replaceState(null, "", `#${session.sessionId}`);
  }, [phase]);
  const [text, setText] = useState("");
  const send = (event) => {
    event.preventDefault();
    setText("");
    void sendMessage({ text });
  };
  Object.assign(globalThis, { drawn, chat, session });
  return (
    <main>
      <ol>{messages.map((message) => <Message key={message.id} message={message} answer={addToolApprovalResponse} />)}</ol>
      <output data-phase={phase}>{status}{error && `: ${error.message}`}</output>
      <form onSubmit={send}><input aria-label="Message" value={text} onChange={(event) => setText(event.target.value)} /></form>
      <button onClick={() => stop()}>Stop</button>
      <button onClick={() => regenerate()}>Again</button>
    </main>
  );
}

createRoot(document.body).render(<StrictMode><App /></StrictMode>);
