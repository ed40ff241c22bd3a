// Bridge: carries out what the page in the view asks of its server: HTTP requests and websockets, with the token, which the view never has.

const ALLOWED = /^\/(api|auth|ws)([/?]|$)/;

/** The requests of one view. Its messages and those for it have the `id` of a request or socket; `post` sends one. */
class Bridge {
  #sockets = new Map();
  #server;
  #post;

  /** @param {() => import("./server.js").Place | null} server @param {(message: object) => void} post */
  constructor(server, post) {
    this.#server = server;
    this.#post = post;
  }

  /** @param {any} message of the view */
  take(message) {
    if (message.kind === "fetch") void this.#fetch(message);
    else if (message.kind === "open") this.#open(message);
    else if (message.kind === "send") this.#sockets.get(message.id)?.send(message.data);
    else if (message.kind === "close") this.#sockets.get(message.id)?.close(message.code, message.reason);
  }

  /** Close all sockets: the view is gone. */
  close() {
    for (const socket of this.#sockets.values()) socket.close();
    this.#sockets.clear();
  }

  /** @param {string} path throws where there is no server, or the path is none of its interfaces */
  #place(path) {
    const place = this.#server();
    if (!place) throw new Error("no server runs");
    if (!ALLOWED.test(path)) throw new Error("not a path of the server's interfaces");
    return place;
  }

  async #fetch({ id, path, method, headers, body }) {
    try {
      const { url, token } = this.#place(path);
      const answer = await fetch(url + path, { method, headers: withToken(headers, token), body, redirect: "manual" });
      const given = new Uint8Array(await answer.arrayBuffer());
      this.#post({ id, status: answer.status, headers: [...answer.headers], body: given });
    } catch (error) {
      this.#post({ id, error: String(error.cause ?? error) });
    }
  }

  #open({ id, path, protocols }) {
    try {
      const { url, token } = this.#place(path);
      const offered = protocols.filter((/** @type {string} */ name) => !name.startsWith("holdfast.key."));
      const socket = new WebSocket(url.replace(/^http/, "ws") + path, { protocols: offered, headers: withToken({}, token) });
      socket.binaryType = "arraybuffer";
      this.#sockets.set(id, socket);
      socket.onopen = () => this.#post({ id, event: "open", protocol: socket.protocol });
      socket.onmessage = ({ data }) => this.#post({ id, event: "message", data });
      socket.onclose = ({ code, reason }) => {
        this.#sockets.delete(id);
        this.#post({ id, event: "close", code, reason });
      };
    } catch (error) {
      this.#post({ id, event: "close", code: 1006, reason: String(error) });
    }
  }
}

/** @param {Record<string, string>} headers @param {string | null} token */
const withToken = (headers, token) => (token ? { ...headers, authorization: `Bearer ${token}` } : headers);

module.exports = { Bridge, withToken };
