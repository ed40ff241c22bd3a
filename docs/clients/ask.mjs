// Asks questions in one session: ask.mjs ws://HOST:PORT TOKEN SESSION QUESTION... For Bun and Node 22 or newer (20: --experimental-websocket).

const [server, token, session, ...questions] = process.argv.slice(2);
const STAY_AWAY = new Set([1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429]);
const ENDS = new Set(["turn_complete", "interrupted", "error", "refused"]);
const waiting = questions.map((text) => ({ type: "user_input", id: crypto.randomUUID(), text }));
let [position, epoch, failures] = ["", "", 0];

function connect() {
  const socket = new WebSocket(`${server}/ws/${session}${position}`, { protocols: ["holdfast.v1.json"], headers: { authorization: `Bearer ${token}` } });
  const end = ({ code, reason }) => { // by whichever comes first: an error before the socket is open is not always followed by a close
    clearTimeout(silence);
    socket.onmessage = socket.onerror = socket.onclose = null;
    socket.close();
    if (waiting.length && STAY_AWAY.has(code)) throw new Error(`closed: ${code} ${reason}`);
    if (waiting.length) setTimeout(connect, Math.random() * Math.min(30_000, 500 * 2 ** failures++));
  };
  const silence = setTimeout(end, 40_000, {}); // the server sends something every 20 s
  socket.onerror = socket.onclose = end;
  socket.onmessage = ({ data }) => {
    silence.refresh();
    for (const frame of data.split("\n").map((line) => JSON.parse(line))) {
      if (frame.type === "ready") epoch = frame.epoch;
      if (frame.type === "refused" && frame.retryable) return end({}); // such as `going_away`: come back and ask again
      if (ENDS.has(frame.type)) {
        console.log(frame.final_response || `(${frame.type})`);
        waiting.shift();
      }
      if (frame.type === "synced" || "at" in frame) {
        position = `?after=${frame.seq}&epoch=${epoch}`;
        failures = 0;
      }
      if (!waiting.length) return end({});
      if (frame.type === "synced" || ENDS.has(frame.type)) socket.send(JSON.stringify(waiting[0])); // after a cut again: its id makes sure it is done once
    }
  };
}
connect();
