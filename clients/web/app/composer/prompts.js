// Prompts: commands, prompts of the workspace and what MCP servers offer, listed while a "/" is written. A command is done; the
// text of anything else comes into the message field.

/** @import { Conversation } from "../state/conversation.js" */
/** @import { WorkspacePrompt } from "./commands.js" */
/** @import { PromptArgument, ServerLibrary } from "../api/mcp.js" */
import { useEffect, useState } from "preact/hooks";
import { libraryOf, promptText, resourceText } from "../api/mcp.js";
import { config, notify, showError } from "../state/store.js";
import { exact, exactLine } from "../text/visible.js";
import { html } from "../ui/html.js";
import { composing } from "../ui/letters.js";
import { COMMANDS, workspacePrompt, workspacePrompts } from "./commands.js";

/** One line of the list. @typedef {{ kind: "command" | "file" | "prompt" | "resource" | "template", server: string, name: string, title: string, about: string, args: PromptArgument[] }} Offer */

const SHOWN_MAX = 50;
export const LIST_ID = "prompts";

/** @param {ServerLibrary[]} library @returns {Offer[]} */
function offersOf(library) {
  return library.flatMap(({ server, prompts, resources, templates }) => [
    ...prompts.map((one) => /** @type {Offer} */ ({ kind: "prompt", server, name: one.name, title: one.title, about: one.description, args: one.arguments })),
    ...resources.map((one) => /** @type {Offer} */ ({ kind: "resource", server, name: one.uri, title: one.title, about: one.description, args: [] })),
    ...templates.map((one) => /** @type {Offer} */ ({ kind: "template", server, name: one.uri_template, title: one.title, about: one.description, args: one.arguments })),
  ]);
}

/** @param {Conversation} conversation @param {WorkspacePrompt[]} prompts @returns {Offer[]} */
function ownOffers(conversation, prompts) {
  const none = { server: "", args: [] };
  return [
    ...COMMANDS.filter(({ when }) => when?.(conversation) ?? true).map(({ name, about }) => /** @type {Offer} */ ({ ...none, kind: "command", name, title: name, about })),
    ...prompts.map(({ name, path }) => /** @type {Offer} */ ({ ...none, kind: "file", name: path, title: name, about: "a prompt of the workspace" })),
  ];
}

/** What a line of the list, and the form for its arguments, begin with. @param {Offer} offer */
const called = ({ kind, name, title }) => (kind === "prompt" || kind === "command" ? `/${exactLine(name)}` : kind === "file" ? `/${exactLine(title)}` : exactLine(title));

/** Those whose name, title or server has the words in it; commands and prompts come first, by how their names begin. @param {Offer[]} offers @param {string} words */
export function matching(offers, words) {
  const sought = words.toLowerCase();
  const found = offers.filter(({ kind, server, name, title }) => {
    if (kind === "command" || kind === "file") return title.toLowerCase().startsWith(sought);
    return [server, name, title].some((text) => text.toLowerCase().includes(sought));
  });
  return ["command", "file", "prompt", "resource", "template"].flatMap((kind) => found.filter((one) => one.kind === kind)).slice(0, SHOWN_MAX);
}

/**
 * The list above the message field, and what its keys do.
 * @param {Conversation} conversation @param {string} text of the field @param {(text: string) => void} write
 */
export function usePrompts(conversation, text, write) {
  const [library, setLibrary] = useState(/** @type {ServerLibrary[]} */ ([]));
  const [place, setPlace] = useState(0);
  const [closed, setClosed] = useState(false);
  const [asking, setAsking] = useState(/** @type {Offer | null} */ (null));
  const [prompts, setPrompts] = useState(/** @type {WorkspacePrompt[]} */ ([]));
  const asks = conversation.drives && /^\/\S*$/.test(text);
  useEffect(() => {
    setClosed(false);
    if (!asks) return;
    let current = true;
    const take = (/** @type {ServerLibrary[]} */ servers) => current && setLibrary(servers);
    const { sessionId } = conversation.session;
    if (sessionId !== null) workspacePrompts(sessionId).then((found) => current && setPrompts(found), showError);
    if (config.value?.mcp?.length) conversation.begun().then(libraryOf).then(take).catch(showError);
    return () => void (current = false);
  }, [asks]);
  useEffect(() => setPlace(0), [text]);
  const listed = asks && !closed && !asking ? matching([...ownOffers(conversation, prompts), ...offersOf(library)], text.slice(1)) : [];
  const act = (/** @type {string} */ name) => {
    write("");
    COMMANDS.find((one) => one.name === name)?.run(conversation);
  };
  const use = async (/** @type {Offer} */ offer, /** @type {Record<string, string>} */ values) => {
    try {
      const id = await conversation.begun();
      if (offer.kind === "file") write(await workspacePrompt(id, offer.name));
      else write(await (offer.kind === "prompt" ? promptText(id, offer.server, offer.name, values) : resourceText(id, offer.server, offer.name, values)));
      setAsking(null);
      document.getElementById("message")?.focus();
    } catch (error) {
      notify(error instanceof Error ? error.message : String(error), { tone: "bad" });
    }
  };
  const choose = (/** @type {Offer} */ offer) => (offer.kind === "command" ? act(offer.name) : offer.args.length ? setAsking(offer) : void use(offer, {}));
  /** Whether the key was for the list. @param {KeyboardEvent} event */
  const keys = (event) => {
    if (!listed.length || composing(event) || event.shiftKey || event.altKey || event.ctrlKey || event.metaKey) return false;
    if (event.key === "ArrowDown") setPlace((place + 1) % listed.length);
    else if (event.key === "ArrowUp") setPlace((place + listed.length - 1) % listed.length);
    else if (event.key === "Enter" || event.key === "Tab") choose(listed[place]);
    else if (event.key === "Escape") setClosed(true);
    else return false;
    event.preventDefault();
    return true;
  };
  const shown = asking
    ? html`<${Arguments} key=${`${asking.server} ${asking.name}`} offer=${asking} use=${use} leave=${() => setAsking(null)} />`
    : listed.length > 0 && html`<${List} listed=${listed} place=${place} choose=${choose} />`;
  return { shown, keys, active: listed.length ? `${LIST_ID}-${place}` : undefined };
}

/** @param {{ listed: Offer[], place: number, choose: (offer: Offer) => void }} props */
function List({ listed, place, choose }) {
  useEffect(() => document.getElementById(`${LIST_ID}-${place}`)?.scrollIntoView({ block: "nearest" }), [place]);
  return html`<ul class="offers" role="listbox" id=${LIST_ID} aria-label="Commands and prompts">
    ${listed.map((offer, at) => html`<li key=${`${offer.server} ${offer.kind} ${offer.name}`} id=${`${LIST_ID}-${at}`} role="option" aria-selected=${at === place} onMouseDown=${(/** @type {Event} */ event) => event.preventDefault()} onClick=${() => choose(offer)}>
      <span class="tool-name">${called(offer)}</span>
      <span class="faint">${[exactLine(offer.server), ["resource", "template"].includes(offer.kind) && offer.kind, exactLine(offer.about)].filter(Boolean).join(" · ")}</span>
    </li>`)}
  </ul>`;
}

/** @param {{ offer: Offer, use: (offer: Offer, values: Record<string, string>) => Promise<void>, leave: () => void }} props */
function Arguments({ offer, use, leave }) {
  const [values, setValues] = useState(/** @type {Record<string, string>} */ ({}));
  const send = (/** @type {Event} */ event) => {
    event.preventDefault();
    void use(offer, Object.fromEntries(Object.entries(values).filter(([, value]) => value)));
  };
  const keys = (/** @type {KeyboardEvent} */ event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    leave();
  };
  return html`<section class="offers pending" aria-label=${`Arguments of ${called(offer)}`} onKeyDown=${keys}>
    <form onSubmit=${send}>
      <p><span class="tool-name">${called(offer)}</span> <span class="faint">${exactLine(offer.server)}</span></p>
      ${offer.about && html`<p class="faint">${exact(offer.about)}</p>`}
      ${offer.args.map(({ name, label, description, required }, at) => html`<label key=${name}>
        <span>${exactLine(label)}${required ? "" : html` <span class="faint">may be left out</span>`}</span>
        ${description && html`<span class="faint">${exact(description)}</span>`}
        <input type="text" autofocus=${at === 0} ref=${(/** @type {HTMLInputElement | null} */ field) => at === 0 && field && !values[name] && field.focus()} required=${required} value=${values[name] ?? ""} onInput=${(/** @type {any} */ event) => setValues({ ...values, [name]: event.target.value })} />
      </label>`)}
      <div class="buttons">
        <button type="submit" class="primary">${offer.kind === "prompt" ? "Use prompt" : "Read resource"}</button>
        <button type="button" onClick=${leave}>Cancel</button>
      </div>
    </form>
  </section>`;
}
