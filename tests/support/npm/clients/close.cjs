// Close: opens a socket with faye-websocket and prints one line of JSON for its opening and one for its end.
const { Client } = require("faye-websocket");

const say = (told) => console.log(JSON.stringify(told));
const socket = new Client(process.argv[2]);
socket.on("message", () => say({ open: true }));
socket.on("close", ({ code, reason }) => say({ code, reason }));
