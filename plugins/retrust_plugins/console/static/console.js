// Keeps pages up to date, filters lists while somebody types, shows times in the reader's zone, and knows a few keys.
// Without it every page reads and decides just the same; it is only as old as its last loading, and its times are UTC.
"use strict";
(() => {
  const WAIT = 250, LISTS = 1000;
  const part = document.querySelector("[data-live], [data-part]");
  const zoned = new Intl.DateTimeFormat("sv-SE", { dateStyle: "short", timeStyle: "medium" });
  const zone = new Intl.DateTimeFormat("en", { timeZoneName: "short" });
  const nameOf = (at) => zone.formatToParts(at).find((p) => p.type === "timeZoneName").value;
  const utc = (at) => at.toISOString().slice(0, 19).replace("T", " ") + " UTC";

  const age = (at) => {
    const seconds = Math.max(0, (Date.now() - at) / 1000);
    for (const [size, unit] of [[86400, "day"], [3600, "hour"], [60, "minute"]]) {
      const count = Math.floor(seconds / size);
      if (count) return `${count} ${unit}${count === 1 ? "" : "s"} ago`;
    }
    return "just now";
  };

  const times = () => document.querySelectorAll("time[datetime]").forEach((time) => {
    const at = new Date(time.dateTime);
    const local = `${zoned.format(at)} ${nameOf(at)}`;
    const isAge = time.classList.contains("ago");
    time.textContent = isAge ? age(at) : local;
    time.title = isAge && local !== utc(at) ? `${local}, ${utc(at)}` : utc(at);
  });

  // -- the part of a page that changes ---------------------------------------------------------------

  const isOpen = new Map();
  let asked = 0;
  const refresh = async () => {
    const turn = ++asked;
    const answer = await fetch(location.pathname + location.search, { headers: { "X-Part": "1" } });
    if (answer.redirected) location.reload(); // the sign-in ended
    if (!answer.ok || answer.redirected || turn !== asked) return;
    part.querySelectorAll("details[id]").forEach((d) => isOpen.set(d.id, d.open));
    const shape = part.querySelector("[data-shape]")?.dataset.shape;
    part.innerHTML = await answer.text();
    const now = part.querySelector("[data-shape]");
    if (now && now.dataset.shape !== shape) changed(now);
    part.querySelectorAll("details[id]").forEach((d) => { d.open = isOpen.get(d.id) ?? d.open; });
    times();
  };

  // The rest of the page is old then; what somebody has typed there is not taken from them.
  const changed = (note) => {
    const isTyped = [...document.querySelectorAll("main textarea, main input[name=reason]")].some((i) => i.value);
    if (isTyped) note.hidden = false; else location.reload();
  };

  const after = (wait, work) => {
    let due = null;
    return () => { clearTimeout(due); due = setTimeout(work, wait); };
  };

  // In a storm of entries the page still follows: at most once in the time, and never not at all.
  const atMost = (wait, work) => {
    let due = null;
    return () => { due ??= setTimeout(() => { due = null; work(); }, wait); };
  };

  const listen = () => {
    const source = new EventSource(part.dataset.live);
    const soon = atMost(document.querySelector("[data-shape]") ? WAIT : LISTS, refresh);
    source.addEventListener("entry", soon);
    window.addEventListener("pagehide", () => source.close());
  };

  const filter = (form) => {
    const apply = () => {
      const chosen = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
      history.replaceState(null, "", `${form.getAttribute("action")}?${chosen}`);
      refresh();
    };
    form.addEventListener("input", after(WAIT, apply));
    form.addEventListener("submit", (event) => { event.preventDefault(); apply(); });
  };

  // -- keys ------------------------------------------------------------------------------------------

  const ways = { o: "/", c: "/cases", s: "/sites", a: "/audit" };
  let wentTo = 0;
  const press = (event) => {
    const isTyping = event.target.matches("input, textarea, select");
    if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
    const search = document.querySelector("[data-search]");
    if (event.key === "/") {
      event.preventDefault();
      if (search) search.focus(); else location.assign("/cases#q");
    } else if (event.key === "?") document.getElementById("keys")?.showModal();
    else if (event.key === "g") wentTo = Date.now();
    else if (ways[event.key] && Date.now() - wentTo < 1500) location.assign(ways[event.key]);
  };

  document.addEventListener("DOMContentLoaded", () => {
    times();
    if (location.search.startsWith("?said=")) history.replaceState(null, "", location.pathname);
    setInterval(times, 30000);
    document.addEventListener("keydown", press);
    document.querySelectorAll("[data-filters]").forEach(filter);
    document.querySelectorAll("[data-print]").forEach((b) => b.addEventListener("click", () => window.print()));
    window.addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((d) => { d.open = true; }));
    document.documentElement.classList.add("has-script");
    if (location.hash === "#q") document.querySelector("[data-search]")?.focus();
    if (part?.dataset.live && window.EventSource) listen();
  });
})();
