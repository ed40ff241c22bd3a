// Server: finds the user's own Holdfast server on this machine, or the one of the settings, and the token that goes with it.

const crypto = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const OTHERS_WRITE = 0o022;

/** @typedef {{ url: string, token: string | null }} Place */

/** Whether a running server holds this file: it has a lock on it (flock(2)) until it ends. @param {fs.Stats} stat @param {number} pid */
function isHeld(stat, pid) {
  try {
    // "1: FLOCK  ADVISORY  WRITE 4242 fe:01:131090 0 EOF"
    return fs.readFileSync("/proc/locks", "utf8").split("\n").some((line) => line.includes(" FLOCK ") && line.includes(`:${stat.ino} `));
  } catch {
    // no Linux: that the process is there has to do
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** The user's own server; null: none runs. A file that others could have written is not read. @param {NodeJS.ProcessEnv} environment @returns {Place | null} */
function ownServer(environment) {
  const given = environment.XDG_DATA_HOME ?? ""; // XDG Base Directory Specification
  const folder = path.join(given.startsWith("/") ? given : path.join(environment.HOME || os.homedir(), ".local/share"), "holdfast");
  try {
    const file = fs.openSync(path.join(folder, "server.json"), fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
    try {
      const stat = fs.fstatSync(file);
      if (!stat.isFile() || stat.uid !== process.geteuid?.() || stat.mode & OTHERS_WRITE) return null;
      const { url, token_file: tokenFile, pid } = JSON.parse(fs.readFileSync(file, "utf8"));
      if (!isHeld(stat, pid) || ![null, path.join(folder, "token")].includes(tokenFile)) return null;
      return { url, token: tokenFile && readToken(tokenFile) };
    } finally {
      fs.closeSync(file);
    }
  } catch (error) {
    if (error instanceof SyntaxError || error.code === "ENOENT") return null; // it is being written, or there is none
    throw error;
  }
}

const readToken = (/** @type {string} */ file) => fs.readFileSync(file, "utf8").trim();

/** The server to use; null: none runs. Throws where the settings' token file cannot be read. @returns {Place | null} */
function findServer(settings, environment) {
  if (!settings.url) return ownServer(environment);
  return { url: settings.url.replace(/\/+$/, ""), token: settings.tokenFile ? readToken(settings.tokenFile) : null };
}

/** What logs a browser in once, as `holdfast login-link` makes it: other programs see addresses. Empty where a token makes none. @param {string | null} token */
function loginCode(token) {
  if (!token || /^hft?_/.test(token)) return "";
  const [madeAt, nonce] = [Date.now(), crypto.randomBytes(16).toString("hex")];
  return `hfc_${madeAt}_${nonce}_${crypto.createHmac("sha256", token).update(`login code ${madeAt} ${nonce}`).digest("hex")}`;
}

module.exports = { findServer, loginCode };
