// Asks questions in one session: ask.mjs ws://HOST:PORT TOKEN SESSION QUESTION... For Bun and Node 22 or newer (20: --experimental-websocket).

const [server, token, session, ...questions] = process.argv.slice(2);
const STAY_AWAY = new Set([1000, 1003, 1007, 1008, 1009, 4401, 4404, 4429]);
const ENDS = new Set(["turn_complete", "interrupted", "error", "refused"]);
const waiting = questions.map((text) => ({ type: "user_input", id: crypto.randomUUID(), text }));
let [position, answer, failures] = ["", "", 0];

function connect() {
  const socket = new WebSocket(`${server}/ws/${session}${position}`, { protocols: ["holdfast.v1.json"], headers: { authorization: `Bearer ${token}` } });
  let [epoch, live, over, heartbeat_s] = ["", false, false, 15];
  let timer = setTimeout(() => ended(0), 30_000);
  function ended(code, reason) { // whichever comes first: an error before the socket is open is not always followed by a close
    if (over) return;
    over = true;
    clearTimeout(timer);
    try { socket.close(); } catch {} // one that never opened may not like it
    if (!waiting.length) return;
    if (STAY_AWAY.has(code)) return console.error(`closed: ${code} ${reason}`), process.exit(1);
    setTimeout(connect, Math.random() * Math.min(30_000, 500 * 2 ** failures++));
  }
  socket.onerror = () => socket.readyState !== 1 && ended(0);
  socket.onclose = ({ code, reason }) => ended(code, reason);
  socket.onmessage = ({ data }) => {
    clearTimeout(timer);
    timer = setTimeout(() => ended(0), 2000 * heartbeat_s);
    for (const frame of data.split("\n").map((line) => JSON.parse(line))) {
      const { type, seq } = frame;
      if (type === "ready") [epoch, heartbeat_s] = [frame.epoch, frame.limits.heartbeat_s];
      if (type === "assistant_chunk" && frame.kind === "text") answer = [...answer].slice(0, frame.offset).join("") + frame.text;
      if (type === "refused" && frame.retryable) return ended(0); // such as `going_away`: come back and ask again
      if (ENDS.has(type)) console.log(frame.final_response || `${answer} (${type})`), waiting.shift();
      if (type === "synced" || (live && "at" in frame)) [live, failures, position] = [true, 0, `?after=${seq}&epoch=${epoch}`];
      if (!waiting.length) return ended(1000);
      if (type === "synced" || ENDS.has(type)) socket.send(JSON.stringify(waiting[0])); // again after a cut: its id makes sure it is done once
    }
  };
}
connect();
