// About panel: what this server is and what its agent can do here; where something is missing, why.

import { useEffect, useState } from "preact/hooks";
import { messageOf, plural, size } from "../text/format.js";
import { visible } from "../text/visible.js";
import { base } from "../api/base.js";
import { groupsOf, libraryOf, toolsOf } from "../api/mcp.js";
import { config, current, me } from "../state/store.js";
import { Dialog } from "../ui/dialog.js";
import { html, Icon } from "../ui/html.js";

export function About() {
  const { version = "", model = "", model_reason = "", demo, sandbox, mcp = [], limits, auth } = config.value ?? {};
  return html`<${Dialog} title="About this server">
    <dl class="facts">
      <${Fact} name="Holdfast" says=${version} />
      <${Fact} name="You are" says=${me.value?.name || me.value?.user_id || ""} more=${auth ? `way in: ${auth.mode}` : ""} />
      <${Fact} name="Model" says=${demo ? "the built-in demo model" : model} more=${demo ? "No key of a model provider was found where the server was started: set one and start it again to talk to a real model." : model_reason && `chosen because ${model_reason}`} />
      ${sandbox && html`<${Fact} name="Shell" says=${shellText(sandbox)} more=${sandbox.shell === false ? sandbox.reason : sandbox.says} bad=${sandbox.shell === false} />`}
      ${mcp.map((server) => html`<${Fact} name=${`MCP: ${server.name}`} says=${mcpText(server)} more=${server.reason} bad=${server.reason !== ""} />`)}
      ${limits && html`<${Fact} name="Files" says=${`up to ${size(limits.upload_bytes)} each`} />`}
      ${limits && html`<${Fact} name="Sessions" says=${`${limits.sessions_awake_per_user} at work at once, ${limits.stored_sessions_per_user} kept`} />`}
    </dl>
    ${current.value && html`<${SessionTools} id=${current.value} />`}
    <p class="faint">The wire that this page speaks is open: <a href=${`${base}/asyncapi.json`}>AsyncAPI</a>, <a href=${`${base}/openapi.json`}>OpenAPI</a>.</p>
  <//>`;
}

/** @param {{ name: string, says: string, more?: string, bad?: boolean }} props */
function Fact({ name, says, more = "", bad = false }) {
  return html`<div><dt>${visible(name)}</dt><dd><span class=${bad ? "bad" : ""}>${visible(says)}</span>${more && html`<p class="faint">${visible(more)}</p>`}</dd></div>`;
}

/** @param {import("../api/http.js").Sandbox} sandbox */
function shellText({ shell, network }) {
  if (!shell) return "off: no commands run here";
  return network ? "on, with network" : "on, without network";
}

/** @type {Record<string, string>} */
const MCP_STATES = { starting: "starting", up: "connected", down: "not reachable", off: "off", per_session: "each session has its own" };

/** @param {import("../api/http.js").McpServer} server */
function mcpText({ state, tools }) {
  return [MCP_STATES[state] ?? state, tools > 0 && plural(tools, "tool")].filter(Boolean).join(", ");
}

/** What this session's model can call: the built-in tools, and those of each MCP server, with why one has none. @param {{ id: string }} props */
function SessionTools({ id }) {
  const [groups, setGroups] = useState(/** @type {import("../api/mcp.js").ToolGroup[]} */ ([]));
  const [said, setSaid] = useState("Its tools are being listed.");
  useEffect(() => {
    let there = true;
    const listed = async () => {
      const servers = await libraryOf(id); // its own servers are up afterwards, or have said why not
      return groupsOf(servers, await toolsOf(id));
    };
    listed().then((found) => there && (setGroups(found), setSaid("")), (error) => there && setSaid(`Its tools cannot be listed: ${messageOf(error)}`));
    return () => void (there = false);
  }, [id]);
  return html`<h3>Tools of this session</h3>
    ${said && html`<p class="faint" role="status">${said}</p>`}
    ${groups.map(({ server, reason, tools }) => html`<details key=${server}><summary><${Icon} name="fold" />${visible(server ? `MCP: ${server}` : "Built in")}, ${plural(tools.length, "tool")}${reason && html` <span class="bad">· ${visible(reason)}</span>`}</summary>
      <dl class="facts">${tools.map((tool) => html`<${Fact} name=${tool.name} says=${tool.description} more=${tool.offered ? "" : "The model has to search for it."} />`)}</dl>
    </details>`)}`;
}
