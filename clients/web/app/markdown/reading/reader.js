// Markdown reader: what the page imports of this folder, from the bundle that scripts/bundle.py makes of it.

export { BlockReader } from "./blocks.js";
export { rareEntities } from "./tokenizer.js";
