// What the appliance's pages do in the browser: menus, dialogs, and the High Availability page.
// Elements are found by class and data attributes; their ids are new at every load.
"use strict";
(() => {
  const body = document.body;
  const pane = document.querySelector(".contentPane");
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  // Menus -------------------------------------------------------------------
  const popups = (level) => [...document.querySelectorAll(".dijitPopup")]
    .filter((p) => Number(p.dataset.level) >= level);
  const closeMenus = (level = 1) => popups(level).forEach((p) => { p.style.display = "none"; });

  function openMenu(item) {
    const popup = document.getElementById(item.dataset.opens);
    const level = Number(popup.dataset.level);
    if (popup.style.display === "block") return;
    closeMenus(level);
    const box = item.getBoundingClientRect();
    const parent = level === 1 ? { left: 0, top: 0 } : item.parentElement.getBoundingClientRect();
    popup.style.left = `${(level === 1 ? box.left : box.right) - parent.left}px`;
    popup.style.top = `${(level === 1 ? box.bottom : box.top) - parent.top}px`;
    popup.style.display = "block";
  }

  let closing;
  document.querySelectorAll("[data-opens]").forEach((item) => {
    const onBar = item.classList.contains("dijitMenuBarItem");
    const anyOpen = () => popups(1).some((p) => p.style.display === "block");
    item.addEventListener("click", () => openMenu(item));
    item.addEventListener("mouseenter", () => {
      if (!onBar || body.dataset.menu === "hover" || anyOpen()) openMenu(item);
    });
    item.addEventListener("keydown", (e) => { if (e.key === "Enter") openMenu(item); });
  });
  if (body.dataset.menu === "hover") {
    const bar = document.querySelector(".dijitMenuBar");
    bar.addEventListener("mouseleave", () => { closing = setTimeout(closeMenus, 400); });
    bar.addEventListener("mouseenter", () => clearTimeout(closing));
  }
  document.addEventListener("click", (e) => { if (!e.target.closest(".dijitMenuBar")) closeMenus(); });
  document.querySelectorAll("[data-page]").forEach((item) => item.addEventListener("click", (e) => {
    e.stopPropagation();
    closeMenus();
    open(item.dataset.page);
  }));

  // Dialogs -----------------------------------------------------------------
  const greeting = document.querySelector(".greeting");
  if (greeting) {
    setTimeout(() => { greeting.style.display = ""; }, Number(body.dataset.popupDelay));
    greeting.querySelector("[data-action=dismiss]").addEventListener("click", () => greeting.remove());
  }

  let widgets = Math.floor(Math.random() * 9000) + 10;
  function dialog(title, content) {
    const frame = document.createElement("div");
    const id = `dijit_form_Button_${widgets += 1}`;
    frame.innerHTML = `<div class="dijitDialogUnderlayWrapper"></div>
      <div class="dijitDialog" role="dialog" id="dijit_Dialog_${widgets += 1}">
      <div class="dijitDialogTitleBar"><span class="dijitDialogTitle"></span></div>
      <div class="dijitDialogPaneContent"></div>
      <div style="padding:0 12px 12px"><span class="dijit dijitReset dijitInline dijitButton" role="presentation"><span
      class="dijitReset dijitInline dijitButtonNode"><span class="dijitReset dijitStretch dijitButtonContents"
      role="button" tabindex="0" id="${id}" aria-labelledby="${id}_label"><span
      class="dijitReset dijitInline dijitButtonText" id="${id}_label">OK</span></span></span></span></div></div>`;
    frame.querySelector(".dijitDialogTitle").textContent = title;
    frame.querySelector(".dijitDialog").setAttribute("aria-label", title);
    frame.querySelector(".dijitDialogPaneContent").append(content);
    frame.querySelector("[role=button]").addEventListener("click", () => frame.remove());
    body.append(frame);
  }

  // Pages -------------------------------------------------------------------
  let shown = 0;
  async function open(page) {
    shown += 1;
    const mine = shown;
    pane.innerHTML = '<div class="dijitContentPaneLoading">Loading...</div>';
    await wait(Number(body.dataset.loadDelay));
    if (mine !== shown) return;
    if (page === "High Availability") await openHa();
    else if (page === "ISE Servers") openLegacy("/webacs/iseServersAction.do");
    else pane.textContent = page;
  }

  function openLegacy(address) {
    const frame = document.createElement("iframe");
    frame.name = `legacy_${widgets += 1}`;
    frame.src = address;
    pane.replaceChildren(frame);
  }

  async function ask(address, sent) {
    const answer = await fetch(address, sent === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(sent) });
    if (answer.redirected) {
      if (body.dataset.lost === "login") window.location = answer.url;
      await new Promise(() => {});
    }
    return answer;
  }

  // High Availability -------------------------------------------------------
  async function openHa() {
    await wait(Number(body.dataset.haDelay));
    pane.innerHTML = await (await ask("/webacs/ha/page.do")).text();
    const page = pane.querySelector(".haPage");
    page.querySelectorAll("[data-pane]").forEach((entry) =>
      entry.addEventListener("click", () => choose(page, entry)));
    const virtual = page.querySelector("[data-field=virtual]");
    virtual?.addEventListener("change", () => page.querySelectorAll(".virtualIp").forEach((row) => {
      row.style.display = virtual.checked ? "" : "none";
    }));
    page.querySelectorAll(".dijitCheckBoxInput").forEach((input) => input.addEventListener("change", () =>
      page.querySelectorAll(".dijitCheckBoxInput").forEach((i) =>
        i.parentElement.classList.toggle("dijitChecked", i.checked))));
    page.querySelector("[data-action=readiness]")?.addEventListener("click", () => checkReadiness(page));
    page.querySelector("[data-action=register]")?.addEventListener("click", () => register(page));
    follow(page);
  }

  function choose(page, entry) {
    page.querySelectorAll("[data-pane]").forEach((e) => e.classList.toggle("dijitSelected", e === entry));
    page.querySelectorAll(".haPane").forEach((p) => {
      p.style.display = p.dataset.name === entry.dataset.pane ? "" : "none";
    });
  }

  function form(page) {
    const sent = {};
    page.querySelectorAll(".haForm [data-field]").forEach((input) => {
      if (input.type === "radio") { if (input.checked) sent[input.dataset.field] = input.value; }
      else sent[input.dataset.field] = input.type === "checkbox" ? input.checked : input.value;
    });
    return sent;
  }

  function complain(page, errors) {
    page.querySelector(".haErrors").textContent = (errors || []).join(" ");
    return Boolean(errors && errors.length);
  }

  function enable(button, on) {
    button.closest(".dijitButton").classList.toggle("dijitButtonDisabled", !on);
    button.closest(".dijitButton").classList.toggle("dijitDisabled", !on);
    if (on) button.removeAttribute("aria-disabled"); else button.setAttribute("aria-disabled", "true");
  }

  async function checkReadiness(page) {
    const answer = await (await ask("/webacs/ha/readiness.do", form(page))).json();
    if (complain(page, answer.errors)) return;
    const table = document.createElement("table");
    table.className = "grid";
    table.innerHTML = "<tr><th>Checklist Name</th><th>Checklist Status</th></tr>";
    const late = Number(page.dataset.readinessDelay);
    const states = answer.rows.map(([name, state]) => {
      const row = table.insertRow();
      row.insertCell().textContent = name;
      const cell = row.insertCell();
      cell.textContent = late ? "" : state;
      return [cell, state];
    });
    dialog("Check Readiness", table);
    if (late) for (const [cell, state] of states) { await wait(late); cell.textContent = state; }
    if (page.dataset.readiness === "disabled") enable(page.querySelector("[data-action=register]"), answer.ready);
  }

  async function register(page) {
    if (page.querySelector("[data-action=register]").getAttribute("aria-disabled")) return;
    const answer = await (await ask("/webacs/ha/register.do", form(page))).json();
    if (complain(page, answer.errors)) return;
    page.querySelector(".milestones").style.display = "";
  }

  async function follow(page) {
    const opened = performance.now();
    while (page.isConnected) {
      const now = await (await ask("/webacs/ha/status.do")).json();
      if (performance.now() - opened >= Number(page.dataset.modeDelay))
        page.querySelectorAll(".modeValue").forEach((value) => { value.textContent = now.mode; });
      if (!now.registering && page.dataset.milestonesStay === "0") page.querySelector(".milestones").style.display = "none";
      page.querySelectorAll("[data-milestone]").forEach((bar) => {
        const percent = now.progress[bar.dataset.milestone] ?? 0;
        bar.setAttribute("aria-valuenow", percent);
        bar.querySelector(".dijitProgressBarTile").style.width = `${percent}%`;
        bar.querySelector(".dijitProgressBarLabel").textContent = `${percent}%`;
      });
      page.querySelector(".haFailure").textContent = now.error ?? "";
      await wait(150);
    }
  }
})();
