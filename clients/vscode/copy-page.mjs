// Copies the page's script, styles and what they load into this folder, where the extension's package takes them from.

import { cp, readFile, rm, writeFile } from "node:fs/promises";

const web = new URL("../web/", import.meta.url);
const to = new URL("page/", import.meta.url);
await rm(to, { recursive: true, force: true });
for (const name of ["page.js", "styles", "vendor", "icon.svg", "icon-done.svg", "icon-waits.svg"]) {
  await cp(new URL(name, web), new URL(`static/${name}`, to), { recursive: true });
}
await writeFile(new URL("index.html", to), await readFile(new URL("index.html", web)));
