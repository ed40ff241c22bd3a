// Asks questions in one session: ask.mjs ws://HOST:PORT TOKEN SESSION QUESTION... For Bun and Node 22 or newer (20: --experimental-websocket).

const [server, token, session, ...questions] = process.argv.slice(2);
const STAY_AWAY = new Set([1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429]);
const ENDS = new Set(["turn_complete", "interrupted", "error", "refused"]);
const waiting = questions.map((text) => ({ type: "user_input", id: crypto.randomUUID(), text }));
let [position, failures] = ["", 0];

function connect() {
  const socket = new WebSocket(`${server}/ws/${session}${position}`, { protocols: ["holdfast.v1.json"], headers: { authorization: `Bearer ${token}` } });
  let epoch, over, timer;
  const wait = () => (clearTimeout(timer), (timer = setTimeout(ended, 40_000))); // the server sends something at least every 20 s
  function ended(code = 1006, reason) { // whichever comes first: an error before the socket is open is not always followed by a close
    if (over) return;
    over = true;
    clearTimeout(timer);
    try { socket.close(); } catch {} // one that never opened may not like it
    if (waiting.length && STAY_AWAY.has(code)) return console.error(`closed: ${code} ${reason}`), process.exit(1);
    if (waiting.length) setTimeout(connect, Math.random() * Math.min(30_000, 500 * 2 ** failures++));
  }
  wait();
  socket.onerror = () => socket.readyState !== 1 && ended();
  socket.onclose = ({ code, reason }) => ended(code, reason);
  socket.onmessage = ({ data }) => {
    wait();
    for (const frame of data.split("\n").map((line) => JSON.parse(line))) {
      if (frame.type === "ready") epoch = frame.epoch;
      if (frame.type === "refused" && frame.retryable) return ended(); // such as `going_away`: come back and ask again
      if (ENDS.has(frame.type)) console.log(frame.final_response || `(${frame.type})`), waiting.shift();
      if (frame.type === "synced" || "at" in frame) [failures, position] = [0, `?after=${frame.seq}&epoch=${epoch}`];
      if (!waiting.length) return ended();
      if (frame.type === "synced" || ENDS.has(frame.type)) socket.send(JSON.stringify(waiting[0])); // again after a cut: its id makes sure it is done once
    }
  };
}
connect();
