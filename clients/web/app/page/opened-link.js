// Opened link: asks whether to use a link that would log in somebody else than who is logged in.

import { useEffect, useState } from "preact/hooks";
import { answerLink, openedLink } from "../state/login.js";
import { me } from "../state/store.js";
import { messageOf } from "../text/format.js";
import { oneLine } from "../text/visible.js";
import { html, Mark } from "../ui/html.js";

/** @param {import("../api/http.js").Me | null | undefined} user @param {string} ofGuest */
const nameOf = (user, ofGuest) => (user?.user_id.startsWith("guest:") ? ofGuest : oneLine(user?.name || user?.user_id || ""));

export function OpenedLink() {
  const [fault, setFault] = useState("");
  useEffect(() => void (document.title = "Another login · Holdfast"), []);
  const answer = (/** @type {boolean} */ use) => () => answerLink(use).catch((error) => setFault(messageOf(error)));
  const other = nameOf(openedLink.value?.user, "a guest of another session");
  const here = nameOf(me.value, "a guest of one session");
  return html`<main class="login">
    <h1><${Mark} /> Another login</h1>
    <p>You are here as <strong><bdi>${here}</bdi></strong>. The link that you opened would make you <strong><bdi>${other}</bdi></strong>, in every tab of this browser.</p>
    <p>If you did not mean to, stay: what you write as somebody else, they can read.</p>
    <p class="buttons">
      <button type="button" class="primary" autofocus onClick=${answer(false)}>Stay as I am</button>
      <button type="button" onClick=${answer(true)}>Use the link</button>
    </p>
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
  </main>`;
}
