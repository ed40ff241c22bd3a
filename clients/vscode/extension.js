// Extension: a view with the server's page, what waits for the user in the status bar, and commands. The network is the extension's.

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const vscode = require("vscode");
const { Bridge, withToken } = require("./bridge.js");
const { findServer, loginCode } = require("./server.js");

const LOOK_MS = 3_000;
const SELECTION_CHARS = 50_000;
const NO_SERVER = "no Holdfast server runs on this machine: start one with `holdfast serve --own`, or set `holdfast.url`";

/** What the extension has while it is active. */
class Holdfast {
  #view;
  #session = null;
  #says = "";
  #status = vscode.window.createStatusBarItem("holdfast.status", vscode.StatusBarAlignment.Left);

  /** @param {vscode.ExtensionContext} context */
  constructor(context) {
    this.context = context;
    this.log = vscode.window.createOutputChannel("Holdfast");
    Object.assign(this.#status, { name: "Holdfast", command: "holdfast.show" });
    const timer = setInterval(() => void this.#look(), LOOK_MS);
    context.subscriptions.push(this.#status, this.log, { dispose: () => clearInterval(timer) });
    void this.#look();
  }

  /** The server to use; null: none runs. */
  place() {
    const settings = vscode.workspace.getConfiguration("holdfast");
    try {
      return findServer({ url: settings.get("url", ""), tokenFile: settings.get("tokenFile", "") }, process.env);
    } catch (error) {
      this.#say(`the server cannot be used: ${error.message}`);
      return null;
    }
  }

  /** Ask the server's HTTP interface. Throws where it refuses. @param {string} route @param {object} [body] */
  async ask(route, body) {
    const place = this.place();
    if (!place) throw new Error(NO_SERVER);
    const init = body && { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const answer = await fetch(place.url + route, { ...init, headers: withToken(init?.headers ?? {}, place.token) });
    const given = await answer.json();
    if (!answer.ok) throw new Error(given.message ?? `the server answered ${answer.status}`);
    return given;
  }

  /** Log a line, if it is not the last one again. @param {string} text */
  #say(text) {
    if (text !== this.#says) this.log.appendLine((this.#says = text));
  }

  /** Show in the status bar what waits for the user. */
  async #look() {
    const place = this.place();
    if (!place) return this.#status.hide();
    try {
      const { sessions } = await this.ask("/api/sessions?limit=100");
      const waiting = sessions.filter((/** @type {any} */ one) => one.state === "awaiting_approval").length;
      this.#status.text = waiting ? `$(bell-dot) Holdfast waits for you${waiting > 1 ? ` (${waiting})` : ""}` : "$(check) Holdfast";
      this.#status.tooltip = waiting ? "A call waits for your approval" : `Holdfast at ${place.url}`;
      this.#status.backgroundColor = waiting ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
      this.#say(`connected to ${place.url}`);
    } catch (error) {
      this.#status.text = "$(warning) Holdfast";
      this.#status.tooltip = `Holdfast at ${place.url}: ${error.message}`;
      this.#say(`${place.url}: ${error.cause ?? error.message}`);
    }
    this.#status.show();
  }

  /** The editor calls it when the view is first shown. */
  resolveWebviewView(view) {
    const { webview } = view;
    const page = vscode.Uri.joinPath(this.context.extensionUri, "page");
    const own = vscode.Uri.joinPath(this.context.extensionUri, "view");
    webview.options = { enableScripts: true, localResourceRoots: [page, own] };
    const bridge = new Bridge(() => this.place(), (message) => void webview.postMessage(message));
    webview.onDidReceiveMessage((message) => (message.kind === "shown" ? (this.#session = message.session) : bridge.take(message)));
    view.onDidDispose(() => (bridge.close(), (this.#view = undefined)));
    webview.html = this.#html(webview, page, own);
    this.#view = view;
  }

  /** The page's own document, with its files from the extension. @param {vscode.Webview} webview @param {vscode.Uri} page @param {vscode.Uri} own */
  #html(webview, page, own) {
    const nonce = crypto.randomBytes(16).toString("base64");
    const base = String(webview.asWebviewUri(page));
    const from = webview.cspSource;
    const policy = `default-src 'none'; script-src 'nonce-${nonce}' ${from}; style-src ${from} 'unsafe-inline'; img-src ${from} data: blob:; font-src ${from}`;
    const script = webview.asWebviewUri(vscode.Uri.joinPath(own, "network.js"));
    const network = `<script nonce="${nonce}" data-base="${new URL(base).pathname}" data-session="${this.#session ?? ""}" src="${script}"></script>`;
    return fs
      .readFileSync(path.join(page.fsPath, "index.html"), "utf8")
      .replace("<head>", `<head><style>html { font-size: 12px }</style><meta http-equiv="Content-Security-Policy" content="${policy}">${network}`)
      .replace('<link rel="manifest" href="/static/manifest.webmanifest">', "")
      .replaceAll('"/static/', `"${base}/static/`)
      .replaceAll("<script type=", `<script nonce="${nonce}" type=`);
  }

  /** Show the view, with this session if one is given. @param {{ show?: string, insert?: string }} [message] */
  async show(message) {
    if (message?.show !== undefined) this.#session = message.show; // for a view that is yet to be made
    const isNew = !this.#view;
    await vscode.commands.executeCommand("holdfast.page.focus");
    if (message && !(isNew && message.insert === undefined)) await this.#view?.webview.postMessage(message);
  }

  /** Make a session that works in the folder of this window, and show it. */
  async newSession() {
    const folder = vscode.workspace.workspaceFolders?.find(({ uri }) => uri.scheme === "file")?.uri.fsPath;
    const { session_id: id } = await this.ask("/api/sessions", folder ? { cwd: folder } : {});
    this.log.appendLine(`session ${id}${folder ? ` in ${folder}` : ""}`);
    await this.show({ show: id });
  }

  /** Put what is selected into the message that is being written. */
  async sendSelection() {
    const editor = vscode.window.activeTextEditor;
    if (!editor || editor.selection.isEmpty) throw new Error("nothing is selected");
    const { document, selection } = editor;
    const text = document.getText(selection).slice(0, SELECTION_CHARS);
    const lines = `${selection.start.line + 1}-${selection.end.line + 1}`;
    const fence = "`".repeat(Math.max(3, ...(text.match(/`+/g) ?? []).map((run) => run.length + 1)));
    await this.show({ insert: `${vscode.workspace.asRelativePath(document.uri)}:${lines}\n${fence}${document.languageId}\n${text}\n${fence}\n` });
  }

  async openInBrowser() {
    const place = this.place();
    if (!place) throw new Error(NO_SERVER);
    const session = this.#session ? `/s/${encodeURIComponent(this.#session)}` : "/";
    const code = loginCode(place.token);
    await vscode.env.openExternal(vscode.Uri.parse(`${place.url}${session}${code && `#token=${code}`}`));
  }
}

/** @param {vscode.ExtensionContext} context */
function activate(context) {
  const holdfast = new Holdfast(context);
  context.subscriptions.push(vscode.window.registerWebviewViewProvider("holdfast.page", holdfast, { webviewOptions: { retainContextWhenHidden: true } }));
  for (const name of ["newSession", "sendSelection", "openInBrowser", "show"]) {
    const run = () => holdfast[name]().catch((error) => void vscode.window.showErrorMessage(`Holdfast: ${error.message}`));
    context.subscriptions.push(vscode.commands.registerCommand(`holdfast.${name}`, run));
  }
}

module.exports = { activate };
