// Login: finds out who uses the page, and uses the secret of a link in the address. It asks before a link changes who one is.

/** @import { Me } from "../api/http.js" */
import { signal } from "@preact/signals";
import { server } from "../api/base.js";
import { http, HttpError, post } from "../api/http.js";
import { keepKey, storeKeys } from "../../../js/src/lib/keys.js";
import { forgetAll } from "./storage.js";
import { config, guest, loginNeeded, me, notify, pathOf, showSession } from "./store.js";
import { askTabs, joinTabs, tellTabs } from "./tabs.js";

const SHARE_PREFIX = "hfl_";
/** What is in the address of a link: a token or a code, a share link's secret, or the key of a login that was just made. */
const NAMES = ["token", "share", "key"];

/** A link that would log in somebody else, and waits for an answer. `user`: who it is for.
 * @typedef {{ secret: string, user: Me | null }} OpenedLink
 */
/** @type {import("@preact/signals").Signal<OpenedLink | null>} */
export const openedLink = signal(/** @type {OpenedLink | null} */ (null));

const fragment = () => new URLSearchParams(location.hash.slice(1));

// Where the page is open already, the browser follows a link to it without loading it.
addEventListener("hashchange", () => NAMES.some((name) => fragment().has(name)) && location.reload());

/** Find out who is here and what the server offers. The secret of a link is used and taken out of the address. */
export async function enter() {
  const given = fragment();
  const [token, share, key] = NAMES.map((name) => given.get(name));
  const secret = token ?? share;
  joinTabs(() => loginNeeded.value !== null && loadUser().catch(() => {})); // logged in elsewhere while this tab asks for it
  let known = (await loadUser()) || ((await askTabs()) && (await loadUser()));
  // Only now: while the server is away this is tried again.
  if (secret || key) history.replaceState(null, "", location.pathname + location.search);
  if (key && (!known || guest.value)) {
    keep("login", key);
    known = await loadUser();
  }
  if (!secret) {
    if (!known) loginNeeded.value = "";
  } else if (known) await openBeside(secret);
  else await logIn(secret).catch((error) => (loginNeeded.value = messageOf401(error)));
}

/** Keep a key, in all tabs. @param {import("../../../js/src/lib/keys.js").KeyKind} kind @param {string | undefined} key */
function keep(kind, key) {
  keepKey(kind, key, server);
  tellTabs();
}

/** Open a link where somebody is logged in. @param {string} secret */
async function openBeside(secret) {
  if (config.value?.auth.token === false) return;
  try {
    // A session that a link opens comes beside a login; to a guest it comes in place of another.
    const user = secret.startsWith(SHARE_PREFIX) && !guest.value ? me.value : await userOf(secret);
    if (user?.user_id === me.value?.user_id) await logIn(secret);
    else openedLink.value = { secret, user };
  } catch (error) {
    notify(`${messageOf401(error)}. You are still logged in.`, { tone: "bad" });
  }
}

/** Who a secret is for. Throws `HttpError`. @param {string} secret @returns {Promise<Me>} */
async function userOf(secret) {
  const { mode } = config.value?.auth ?? {};
  if (mode === "local" && !secret.startsWith(SHARE_PREFIX)) return { user_id: "local" };
  return http("/api/me", { headers: { authorization: `Bearer ${secret}` }, credentials: "omit" });
}

/** Answer the question of `openedLink`. @param {boolean} use whether to use the link */
export async function answerLink(use) {
  const link = openedLink.value;
  if (use && link) await logIn(link.secret).catch((error) => notify(messageOf401(error), { tone: "bad" }));
  openedLink.value = null;
}

/** @param {unknown} error @returns {string} the message of a refused login; any other error is thrown */
function messageOf401(error) {
  if (error instanceof HttpError && [401, 429].includes(error.status)) return error.message;
  throw error;
}

/** @param {string} secret a token or a code, or that of a link into one session, which is then shown. Throws `HttpError`. */
export async function logIn(secret) {
  if (secret.startsWith(SHARE_PREFIX)) {
    const { session_id, key } = await post("/auth/share", { token: secret });
    keep("guest", key);
    showSession(session_id, { replace: true });
  } else {
    const { key } = await post(config.value?.auth.mode === "local" ? "/auth/local" : "/auth/token", { token: secret });
    keep("login", key);
  }
  if (!(await loadUser())) throw new HttpError(401, "unauthorized", "the browser did not keep the login: allow cookies and storage for this site");
}

export async function logOut() {
  await http("/auth/logout", { method: "POST" });
  storeKeys({}, server);
  tellTabs();
  forgetAll();
  location.assign(pathOf(null));
}

/** Whether somebody is logged in, who is then known. The configuration is asked, which is no fault where nobody is. */
async function loadUser() {
  const { user } = (config.value = await http("/api/config"));
  if (!user) return false;
  me.value = user;
  loginNeeded.value = null;
  return true;
}
