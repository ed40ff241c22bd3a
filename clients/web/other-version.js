// In the place of a script that this server has in another version than the page: another server, older or newer, sent the page. It is loaded again, until all of it is of one.

const MOST = 20;
const KEY = "holdfast-page-loads";

const times = Number(sessionStorage.getItem(KEY)) + 1;
/** Whether the page is loaded again, and not too often by now. */
export const again = times <= MOST;
if (again) {
  sessionStorage.setItem(KEY, String(times));
  setTimeout(() => location.reload(), 300);
} else sessionStorage.removeItem(KEY);
