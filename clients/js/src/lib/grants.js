// Grants: what a session allows and refuses, as the view holds it. Pure.

/** @typedef {{ grants: string[], guest_grants: Record<string, string>, denials: string[] }} Granted */

/** Add a grant. It is a guest's until the owner gives it too. @param {Granted} view @param {string} grant @param {string} [shareId] */
export function addGrant(view, grant, shareId) {
  if (shareId === undefined) delete view.guest_grants[grant];
  else if (!view.grants.includes(grant)) view.guest_grants[grant] = shareId;
  if (!view.grants.includes(grant)) view.grants.push(grant);
  view.denials = view.denials.filter((denial) => denial !== grant);
}

/** Refuse it from now on. @param {Granted} view @param {string} grant */
export function addDenial(view, grant) {
  const { denials } = view;
  removeGrant(view, grant);
  view.denials = denials.includes(grant) ? denials : [...denials, grant];
}

/** Neither allow nor refuse it any more. @param {Granted} view @param {string} grant */
export function removeGrant(view, grant) {
  view.grants = view.grants.filter((one) => one !== grant);
  view.denials = view.denials.filter((one) => one !== grant);
  delete view.guest_grants[grant];
}
