// The reference server of Durable Streams on a port of this machine, with its data in a folder.
import { DurableStreamTestServer } from "@durable-streams/server";

const [port, dataDir] = process.argv.slice(2);
const server = new DurableStreamTestServer({ port: Number(port), host: "127.0.0.1", dataDir, longPollTimeout: 2_000 });
await server.start();
process.on("SIGTERM", async () => {
  await server.stop();
  process.exit(0);
});
