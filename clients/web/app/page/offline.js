// Offline: has the browser keep the page's files, so that the page opens while the server is away.

import { base } from "../api/base.js";

/** What is needed now goes first. */
const LATER_MS = 1_000;

/** Begin, where the browser can: it has service workers over https and on this machine alone, and some have none in private windows. */
export function keepPage() {
  if (navigator.serviceWorker) setTimeout(() => void register(), LATER_MS);
}

async function register() {
  const address = `${base}/static/service-worker.js`;
  // Trusted types count the address of a worker as script. The one policy of the page makes this address and no other, once.
  const policy = /** @type {any} */ (globalThis).trustedTypes?.createPolicy("worker", { createScriptURL: () => address });
  try {
    await navigator.serviceWorker.register(policy?.createScriptURL("") ?? address, { scope: `${base}/` });
  } catch {
    // a browser that stores nothing for this site: the page works as before, while the server is there
  }
}
