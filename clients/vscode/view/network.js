// Network: gives the page in the view `fetch`, `XMLHttpRequest` and `WebSocket` that go through the extension, and takes its commands.

{
  const api = acquireVsCodeApi();
  const { base, session } = document.currentScript.dataset;
  /** What is under way, by id: what to do with a message for it. @type {Map<number, (message: any) => void>} */
  const waiting = new Map();
  let ids = 0;

  /** The part of an address that the server knows. @param {string | URL} address */
  const pathOf = (address, text = String(address)) => (text.includes(base) ? text.slice(text.indexOf(base) + base.length) : text);

  window.fetch = async (address, init = {}) => {
    const id = ++ids;
    const { method = "GET", body, signal } = init;
    const headers = Object.fromEntries(new Headers(init.headers));
    const given = body instanceof Blob ? new Uint8Array(await body.arrayBuffer()) : body;
    return new Promise((resolve, reject) => {
      signal?.addEventListener("abort", () => waiting.delete(id) && reject(signal.reason));
      waiting.set(id, ({ error, status, headers: given, body: content }) => {
        waiting.delete(id);
        if (error) return reject(new TypeError(error));
        resolve(new Response([204, 304].includes(status) ? null : content, { status, headers: given }));
      });
      api.postMessage({ id, kind: "fetch", path: pathOf(address), method, headers, body: given });
    });
  };

  // As far as the page uses it: to upload a file.
  window.XMLHttpRequest = class {
    upload = {};
    #headers = {};
    #stop = new AbortController();
    open = (method, address) => Object.assign(this, { method, address });
    setRequestHeader = (name, value) => (this.#headers[name] = value);
    abort = () => this.#stop.abort();
    async send(body) {
      try {
        const answer = await fetch(this.address, { method: this.method, headers: this.#headers, body, signal: this.#stop.signal });
        Object.assign(this, { status: answer.status, responseText: await answer.text() });
        this.onload();
      } catch {
        this.#stop.signal.aborted ? this.onabort() : this.onerror();
      }
    }
  };

  window.WebSocket = class extends EventTarget {
    static OPEN = 1;
    readyState = 0;
    bufferedAmount = 0;
    #id = ++ids;
    constructor(address, protocols = []) {
      super();
      this.url = String(address);
      waiting.set(this.#id, (message) => this.#take(message));
      api.postMessage({ id: this.#id, kind: "open", path: pathOf(address), protocols: [protocols].flat() });
    }
    send = (data) => api.postMessage({ id: this.#id, kind: "send", data });
    close(code = 1000, reason = "") {
      this.readyState = Math.max(this.readyState, 2);
      api.postMessage({ id: this.#id, kind: "close", code, reason });
    }
    #take({ event, protocol, data, code, reason }) {
      if (event === "open") Object.assign(this, { readyState: 1, protocol });
      if (event === "close") waiting.delete(this.#id) && (this.readyState = 3);
      const told = Object.assign(new Event(event), { data, code, reason });
      this[`on${event}`]?.(told);
      this.dispatchEvent(told);
    }
  };

  /** @param {string | null} id of the session to show; null: a new one */
  const show = (id) => history.replaceState(null, "", id ? `${base}/s/${encodeURIComponent(id)}` : `${base}/`);

  addEventListener("message", ({ data: message }) => {
    if (message.id !== undefined) return waiting.get(message.id)?.(message);
    if (message.show !== undefined) show(message.show), dispatchEvent(new PopStateEvent("popstate"));
    if (message.insert !== undefined) insert(message.insert);
  });

  /** Add a text to what is being written. @param {string} text */
  const insert = (text) => {
    const field = /** @type {HTMLTextAreaElement | null} */ (document.getElementById("message"));
    if (!field) return setTimeout(insert, 200, text); // the page has not come up yet
    field.value += (field.value && "\n\n") + text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  };

  show(session || null);
  for (const name of ["pushState", "replaceState"]) {
    const change = history[name].bind(history);
    history[name] = (...given) => (change(...given), shown());
  }
  addEventListener("popstate", () => shown());
  const shown = () => {
    const found = location.pathname.slice(base.length).match(/^\/s\/([^/]+)$/);
    api.postMessage({ kind: "shown", session: found ? decodeURIComponent(found[1]) : null });
  };
}
