"""Frames of the page: what a script in one can reach."""

REACHES = """async () => {
  const tries = [() => parent.document, () => localStorage, () => document.cookie, () => fetch("/api/config"), () => indexedDB.open("a")];
  const outcomes = tries.map(async (attempt) => { try { await attempt(); return true; } catch { return false; } });
  return (await Promise.all(outcomes)).map(String).join();
}"""
"""Of the page, its storage, its cookies, the server and the browser's database, whether each can be used."""
