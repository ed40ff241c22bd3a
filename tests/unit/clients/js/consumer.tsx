// For test_package.py: a component in TypeScript that uses the adapters, checked by tsc in its strict mode.

import { AssistantRuntimeProvider } from "@assistant-ui/react";
import { Chat, useChat } from "@ai-sdk/react";
import type { UIMessage } from "ai";
import { approvalsAnswered, follow, HoldfastChatTransport, toUIMessages } from "holdfast-client/ai-sdk";
import { useHoldfastRuntime } from "holdfast-client/assistant-ui";
import { useSession, useStatus, useView } from "holdfast-client/react";
import { useEffect, useMemo, type ReactNode } from "react";

export function Provider({ children }: { children: ReactNode }) {
  const session = useSession({ server: location.origin, sessionId: null });
  const runtime = useHoldfastRuntime(session);
  const { phase } = useStatus(session);
  const { title } = useView(session);
  return <AssistantRuntimeProvider runtime={runtime}>{phase === "live" ? title : children}</AssistantRuntimeProvider>;
}

export function Messages() {
  const session = useSession({ server: location.origin });
  const chat = useMemo(() => new Chat({ transport: new HoldfastChatTransport(session), sendAutomaticallyWhen: approvalsAnswered }), [session]);
  useEffect(() => follow(chat, session), [chat, session]);
  const { messages } = useChat({ chat });
  const same: UIMessage[] = toUIMessages(useView(session));
  // @ts-expect-error: a session is no chat
  follow(session, session);
  return <p>{messages.length === same.length}</p>;
}
