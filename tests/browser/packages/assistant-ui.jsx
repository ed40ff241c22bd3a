// For test_assistant_ui.py: a chat by assistant-ui's primitives over a session of Holdfast.

import { ActionBarPrimitive, AssistantRuntimeProvider, ComposerPrimitive, MessagePrimitive, QueueItemPrimitive, ThreadPrimitive } from "@assistant-ui/react";
import { useHoldfastRuntime } from "holdfast-client/assistant-ui";
import { useSession, useStatus, useView } from "holdfast-client/react";
import { StrictMode, useEffect } from "react";
import { createRoot } from "react-dom/client";

function Tool({ toolName, result, status, approval, respondToApproval }) {
  return (
    <div data-call={toolName} data-state={status.type}>
      {approval?.options?.map((option) => (
        <button key={option.id} onClick={() => respondToApproval({ optionId: option.id })}>{option.label ?? option.id}</button>
      ))}
      {result}
    </div>
  );
}

const Text = ({ text }) => <p>{text}</p>;
const parts = { Text, tools: { Fallback: Tool } };
const said = (role, Action, name) => () => (
  <MessagePrimitive.Root data-role={role}>
    <MessagePrimitive.Parts components={parts} />
    <ActionBarPrimitive.Root>
      <Action aria-label={name} />
    </ActionBarPrimitive.Root>
  </MessagePrimitive.Root>
);
const UserEditComposer = () => (
  <ComposerPrimitive.Root>
    <ComposerPrimitive.Input aria-label="Instead" />
    <ComposerPrimitive.Send>Replace</ComposerPrimitive.Send>
  </ComposerPrimitive.Root>
);
const messages = {
  UserMessage: said("user", ActionBarPrimitive.Edit, "Edit"),
  AssistantMessage: said("assistant", ActionBarPrimitive.Reload, "Again"),
  UserEditComposer,
};

const Waiting = () => (
  <div data-queued>
    <QueueItemPrimitive.Text />
    <QueueItemPrimitive.Remove>Remove</QueueItemPrimitive.Remove>
  </div>
);

function App() {
  const session = useSession({ server: location.origin, sessionId: location.hash.slice(1) || null });
  const { phase } = useStatus(session);
  const { state } = useView(session);
  useEffect(() => {
    if (session.sessionId) history.replaceState(null, "", `#${session.sessionId}`);
  }, [phase]);
  const runtime = useHoldfastRuntime(session);
  return (
    <AssistantRuntimeProvider runtime={runtime}>
      <ThreadPrimitive.Root>
        <ThreadPrimitive.Messages components={messages} />
        <ComposerPrimitive.Root>
          <ComposerPrimitive.Queue>{() => <Waiting />}</ComposerPrimitive.Queue>
          <ComposerPrimitive.Input aria-label="Message" />
          <ComposerPrimitive.Cancel>Stop</ComposerPrimitive.Cancel>
        </ComposerPrimitive.Root>
      </ThreadPrimitive.Root>
      <output data-phase={phase}>{state === "idle" ? "ready" : state}</output>
    </AssistantRuntimeProvider>
  );
}

createRoot(document.body).render(<StrictMode><App /></StrictMode>);
