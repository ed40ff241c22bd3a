#!/usr/bin/env bash
# @durable-streams/server-conformance-tests==0.3.6 with vitest==4.1.12 (npm, Node 20): its command `--run URL`, as its README gives it, runs no test where the
# package is installed: its test file lies below node_modules, which vitest leaves out. A test file of one's own that imports the suite runs it.
# Output seen:
#   its command:            exit code 1, "No test files found"
#   a file that imports it: 332 tests are there
# Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts '@durable-streams/server-conformance-tests@0.3.6' 'vitest@4.1.12'
code=0
npx @durable-streams/server-conformance-tests --run http://127.0.0.1:9 >output 2>&1 || code=$?
said=$(grep -o 'No test files found' output | head -1 || true)
echo "its command:            exit code $code, \"$said\""
cat >suite.test.mjs <<'JS'
import { runConformanceTests } from "@durable-streams/server-conformance-tests";
runConformanceTests({ baseUrl: "http://127.0.0.1:9" });
JS
count=$(npx vitest list suite.test.mjs | grep -c ' > ')
echo "a file that imports it: $count tests are there"
[ "$code" = 1 ] && [ "$said" = 'No test files found' ] && [ "$count" = 332 ]
