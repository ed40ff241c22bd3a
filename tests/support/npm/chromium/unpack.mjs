// Unpacks the browser into node_modules; the package itself would unpack it into the machine's /tmp.
import { createReadStream, createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createBrotliDecompress } from "node:zlib";

await pipeline(
  createReadStream("node_modules/@sparticuz/chromium/bin/chromium.br"),
  createBrotliDecompress(),
  createWriteStream("node_modules/chromium", { mode: 0o755 }),
);
