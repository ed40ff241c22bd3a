// MCP: what a session's MCP servers offer to its users, and the text of a prompt or a resource.

import { http, post, sessionPath } from "./http.js";

/** @typedef {{ name: string, label: string, description: string, required: boolean }} PromptArgument */
/** @typedef {{ name: string, title: string, description: string, arguments: PromptArgument[] }} Prompt */
/** @typedef {{ uri: string, title: string, description: string, mime_type: string }} Resource */
/** `arguments`: what makes a resource's URI of the template. @typedef {{ uri_template: string, title: string, description: string, mime_type: string, arguments: PromptArgument[] }} ResourceTemplate */
/** `reason`: why it is not all, or empty. @typedef {{ server: string, prompts: Prompt[], resources: Resource[], templates: ResourceTemplate[], reason: string }} ServerLibrary */

/** @param {string} id of the session @returns {Promise<ServerLibrary[]>} */
export const libraryOf = async (id) => (await http(`${sessionPath(id)}/mcp`)).servers;

/** @param {string} id of the session @param {string} server @param {string} prompt @param {Record<string, string>} values @returns {Promise<string>} */
export const promptText = async (id, server, prompt, values) => (await post(`${sessionPath(id)}/mcp/prompt`, { server, prompt, arguments: values })).text;

/** @param {string} id of the session @param {string} server @param {string} resource its URI, or a template @param {Record<string, string>} values of the template @returns {Promise<string>} */
export const resourceText = async (id, server, resource, values) => (await post(`${sessionPath(id)}/mcp/resource`, { server, resource, arguments: values })).text;

/** `offered`: else the model has to search for it; `server`: empty for a built-in one. @typedef {{ name: string, description: string, server: string, offered: boolean }} Tool */
/** `reason`: what is wrong with the server, or empty. @typedef {{ server: string, reason: string, tools: Tool[] }} ToolGroup */

/** @param {string} id of the session @returns {Promise<Tool[]>} */
export const toolsOf = async (id) => (await http(`${sessionPath(id)}/tools`)).tools;

/** The built-in tools, then those of each server, also of one that has none. @param {ServerLibrary[]} servers @param {Tool[]} tools @returns {ToolGroup[]} */
export function groupsOf(servers, tools) {
  const all = [{ server: "", reason: "" }, ...servers];
  return all.map(({ server, reason }) => ({ server, reason, tools: tools.filter((tool) => tool.server === server) }));
}
