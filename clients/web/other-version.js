// In the place of a script that this server has in another version than the page: another server, older or newer, sent the page. It is loaded again, until all of it is of one.

const MOST = 20;
const KEY = "holdfast-page-loads";

/** Whether this load is not one too many. A browser that keeps nothing could not count them. */
function counted() {
  try {
    const times = Number(sessionStorage.getItem(KEY)) + 1;
    if (times <= MOST) sessionStorage.setItem(KEY, String(times));
    else sessionStorage.removeItem(KEY);
    return times <= MOST;
  } catch {
    return false;
  }
}

/** Whether the page is loaded again. */
export const again = counted();
if (again) setTimeout(() => location.reload(), 300);
