// Service worker: keeps the page's own files, so that the page opens while the server is away, and opens the session of a notification.
// It keeps no answer of the API, and nothing of a session.

/** @typedef {{ waitUntil(done: Promise<unknown>): void }} Extendable */
/** @typedef {Extendable & { request: Request, respondWith(answer: Promise<Response>): void }} Fetched */

const worker = /** @type {any} */ (self);
/** The page's address: this file is below it, in static/. */
const root = new URL("../", location.href);
const STORE = `holdfast-page ${root.pathname}`;
/** The page is the same for all people and all sessions, but for the folder that its addresses begin from. */
const PAGES = { "": root.href, "s/": `${root.href}s/${"0".repeat(16)}` };
/** What a proxy answers while the server behind it is away. */
const AWAY = [502, 503, 504];

worker.addEventListener("install", (/** @type {Extendable} */ event) => event.waitUntil(keepPage().then(() => worker.skipWaiting())));
worker.addEventListener("activate", (/** @type {Extendable} */ event) => event.waitUntil(worker.clients.claim()));
worker.addEventListener("fetch", (/** @type {Fetched} */ event) => {
  const { request } = event;
  const { origin, pathname, searchParams } = new URL(request.url);
  if (request.method !== "GET" || origin !== root.origin || !pathname.startsWith(root.pathname)) return;
  const path = pathname.slice(root.pathname.length);
  const page = path === "" ? "" : /^s\/[^/]+$/.test(path) ? "s/" : null;
  if (request.mode === "navigate" && page !== null) event.respondWith(pageFor(event, page));
  // Only what its address says the content of: it never changes.
  else if (path.startsWith("static/") && searchParams.has("v")) event.respondWith(fileFor(request));
});

worker.addEventListener("notificationclick", (/** @type {Extendable & { notification: Notification }} */ event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data));
});

/** In a window of the page, or in a new one. @param {string} session its id */
async function open(session) {
  const [shown] = await worker.clients.matchAll({ type: "window" });
  if (!shown) return worker.clients.openWindow(`${root.href}s/${encodeURIComponent(session)}`);
  shown.postMessage({ session });
  return shown.focus();
}

/** The server's page, or the one that is kept while the server is away. @param {Fetched} event @param {keyof typeof PAGES} page */
async function pageFor(event, page) {
  const kept = async () => (await caches.open(STORE)).match(PAGES[page], { ignoreVary: true });
  try {
    const answer = await fetch(event.request);
    if (AWAY.includes(answer.status)) return (await kept()) ?? answer;
    if (answer.ok) event.waitUntil(renew(page, answer.clone()));
    return answer;
  } catch (error) {
    const found = await kept();
    if (found) return found;
    throw error;
  }
}

/** @param {Request} request */
async function fileFor(request) {
  return (await (await caches.open(STORE)).match(request.url, { ignoreVary: true })) ?? fetch(request);
}

/** Keep the page anew if it is another one than before. @param {keyof typeof PAGES} page @param {Response} answer */
async function renew(page, answer) {
  const before = await (await caches.open(STORE)).match(PAGES[page], { ignoreVary: true });
  if ((await before?.text()) !== (await answer.text())) await keepPage();
}

/** Keep the page and the files that it names: all of them, or nothing where one cannot be had. What it names no more is let go. */
async function keepPage() {
  const answers = await Promise.all(Object.values(PAGES).map((address) => fetch(address, { cache: "no-cache" })));
  const named = new Set();
  for (const answer of answers) {
    const files = [...(await answer.clone().text()).matchAll(/(?:src|href)="([^"]*static\/[^"]+\?v=[^"]+)"/g)];
    // A proxy's own page, such as its login, is not this page.
    if (!answer.ok || answer.redirected || !files.length) return;
    for (const [, file] of files) named.add(new URL(file, answer.url).href);
  }
  const store = await caches.open(STORE);
  await Promise.all([...named].map(async (file) => (await store.match(file, { ignoreVary: true })) ?? store.add(file)));
  await Promise.all(Object.values(PAGES).map((address, at) => store.put(address, answers[at])));
  const wanted = new Set([...named, ...Object.values(PAGES)]);
  for (const { url } of await store.keys()) if (!wanted.has(url)) await store.delete(url, { ignoreVary: true });
}
