// Login: the form for credentials, where the server asks for them.

import { useEffect, useState } from "preact/hooks";
import { messageOf } from "../text/format.js";
import { base } from "../api/base.js";
import { logIn } from "../state/login.js";
import { config, loginNeeded, refreshSessions } from "../state/store.js";
import { html, Mark } from "../ui/html.js";

/** @param {{ entered: () => void }} props */
export function Login({ entered }) {
  const [fault, setFault] = useState(loginNeeded.value ?? "");
  const [shown, setShown] = useState(false);
  const mode = config.value?.auth.mode ?? "local";
  useEffect(() => void (document.title = "Log in · Holdfast"), []);
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const field = /** @type {HTMLInputElement} */ (/** @type {any} */ (event.currentTarget).elements.token);
    try {
      await logIn(field.value.trim());
      await refreshSessions();
      entered();
    } catch (error) {
      setFault(messageOf(error));
      field.select();
    }
  };
  const way = { local: html`Run <code>holdfast login-link</code> on the server's machine and open the link that it prints, or paste the server's token here. A login ends with its last tab.`, bearer: "Paste a Hugging Face token." };
  return html`<main class="login">
    <h1><${Mark} /> Holdfast</h1>
    ${mode === "oauth"
      ? html`<p><a class="button primary" href=${`${base}/auth/login?next=${encodeURIComponent(location.pathname)}`}>Log in with Hugging Face</a></p>`
      : html`<form onSubmit=${submit}>
          <p>${way[/** @type {keyof typeof way} */ (mode)] ?? "Paste your token."}</p>
          <label>Token <input name="token" type=${shown ? "text" : "password"} autocomplete="current-password" required autofocus /></label>
          <label class="shown-token"><input type="checkbox" checked=${shown} onChange=${(/** @type {any} */ event) => setShown(event.target.checked)} /> Show what I type</label>
          <button type="submit" class="primary">Log in</button>
        </form>`}
    ${fault && html`<p class="bad" role="alert">${fault}</p>`}
  </main>`;
}
