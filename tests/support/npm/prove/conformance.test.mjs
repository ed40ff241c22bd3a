// Runs the conformance suite of Durable Streams against the server at STREAMS_URL: vitest run conformance.test.mjs
import { runConformanceTests } from "@durable-streams/server-conformance-tests";

runConformanceTests({ baseUrl: process.env.STREAMS_URL });
