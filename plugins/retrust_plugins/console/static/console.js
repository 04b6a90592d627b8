// Keeps a case's page up to date: each ledger entry of the case asks for the part that changes, anew.
// Without this script the page reads and decides just the same; it is only as old as its last loading.
"use strict";
document.addEventListener("DOMContentLoaded", () => {
  const now = document.querySelector("[data-live]");
  if (!now || !window.EventSource || !window.htmx) return;
  const source = new EventSource(now.dataset.live);
  let due = null;
  source.addEventListener("entry", () => {
    clearTimeout(due);
    due = setTimeout(() => {
      const open = now.querySelector("details.timeline")?.open;
      now.addEventListener("htmx:afterSwap", () => {
        const details = now.querySelector("details.timeline");
        if (details && open !== undefined) details.open = open;
      }, { once: true });
      window.htmx.trigger(now, "changed");
    }, 150);
  });
  window.addEventListener("pagehide", () => source.close());
});
