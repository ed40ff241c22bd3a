#!/usr/bin/env bash
# typescript==7.0.2: in the declarations made of a JavaScript file, a method of a class is left out where its JSDoc `@type` names a type of another
# file (by `@import` or `import()`). There is no diagnostic, and the exit code is 0. A type of the same file does no harm. 5.9.3 declares them all.
# Output seen:
#   7.0.2: generic_imported=0 imported=0 by_import_type=0 own=1
#   5.9.3: generic_imported=1 imported=1 by_import_type=1 own=1
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > types.d.ts <<'TS'
export type Send = (text: string) => string;
export interface Sender<T> { send: (text: T) => T }
TS
cat > module.js <<'JS'
/** @import { Send, Sender } from "./types.js" */
/** @typedef {(text: string) => string} Own */
export class A {
  /** @type {Sender<string>["send"]} */
  generic_imported(text) { return text; }
  /** @type {Send} */
  imported(text) { return text; }
  /** @type {import("./types.js").Send} */
  by_import_type(text) { return text; }
  /** @type {Own} */
  own(text) { return text; }
}
JS
options=(--allowJs --checkJs --strict --declaration --emitDeclarationOnly --target es2022 --module nodenext module.js)
seen=
for version in 7.0.2 5.9.3; do
  npm install --silent --no-audit --no-fund --prefix "$version" "typescript@$version"
  "$version/node_modules/.bin/tsc" "${options[@]}" --outDir "$version/out"
  line="$version:"
  for method in generic_imported imported by_import_type own; do
    line+=" $method=$(grep -c "^    $method(" "$version/out/module.d.ts" || true)"
  done
  echo "$line"
  seen+="$line;"
done
[ "$seen" = "7.0.2: generic_imported=0 imported=0 by_import_type=0 own=1;5.9.3: generic_imported=1 imported=1 by_import_type=1 own=1;" ]
