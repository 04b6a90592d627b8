// What a person sees on a page: controls by the words beside them, buttons by the words on them,
// rows, dialogs and progress. Nothing here knows an id, a class or the structure of any one page;
// which words to look for is the Python side's business.

const norm = (s) => (s || "").replace(/[\s\u00a0\u200b]+/g, " ").trim();
const bare = (s) => norm(s).replace(/^[*•›»▸►\s]+/, "").replace(/[\s:*…›»▸►▾▼⏷>.]+$/, "").replace(/\s*\(required\)$/i, "").trim();
const upTo = (s, n) => s.length > n ? s.slice(0, n) + "…" : s;

// What was found out of an element during one look, in which the page stands still.
let known = null;
const remember = () => { known = new Map(); };
const forget = () => { known = null; };
const once = (find) => (el) => {
  if (!known) return find(el);
  if (!known.has(find)) known.set(find, new Map());
  const there = known.get(find);
  if (!there.has(el)) there.set(el, find(el));
  return there.get(el);
};

const visible = once(isVisible);
function isVisible(el) {
  if (!el.isConnected) return false;
  const box = el.getBoundingClientRect();
  if (box.width <= 0 || box.height <= 0) return false;
  if (box.right + window.scrollX <= 0 || box.bottom + window.scrollY <= 0) return false;  // parked off the page
  if (el.checkVisibility && !el.checkVisibility()) return false;                          // folded away by a <details>
  return getComputedStyle(el).visibility === "visible";
}

// Everything in the document, open shadow roots included.
function* everything(root) {
  const start = root && root.nodeType === Node.DOCUMENT_NODE ? root.documentElement : root;
  if (!start) return;
  const stack = [start];
  while (stack.length) {
    const el = stack.pop();
    yield el;
    for (let i = el.children.length - 1; i >= 0; i--) stack.push(el.children[i]);
    if (el.shadowRoot) for (const child of [...el.shadowRoot.children].reverse()) stack.push(child);
  }
}
const all = (root, test) => { const found = []; for (const el of everything(root || document)) if (test(el)) found.push(el); return found; };

const SILENT = /^(SCRIPT|STYLE|NOSCRIPT|TEMPLATE|HEAD|OPTION|SELECT|TEXTAREA)$/;
const ownText = once((el) => SILENT.test(el.tagName) ? "" : norm([...el.childNodes].filter((n) => n.nodeType === 3).map((n) => n.data).join(" ")));

// The words an element shows, pictures by their alternative text.
const shown = once(shownWords);
function shownWords(el) {
  if (el.nodeType === 3) return norm(el.data);
  if (el.nodeType !== 1 || SILENT.test(el.tagName)) return "";
  const text = norm(el.innerText !== undefined ? el.innerText : el.textContent);
  if (text) return text;
  if (el.matches("input[type=button],input[type=submit],input[readonly],input[disabled]")) return norm(el.value);
  const said = (e) => norm(e.getAttribute("aria-label") || e.getAttribute("alt") || e.getAttribute("title"));
  if (said(el)) return said(el);
  for (const inner of el.querySelectorAll("[aria-label],[alt],[title]")) if (visible(inner) && said(inner)) return said(inner);
  return "";
}
const byIds = (el, attr) => norm((el.getAttribute(attr) || "").split(/\s+/).map((id) => id && el.getRootNode().getElementById ? el.getRootNode().getElementById(id) : null)
  .map((e) => e ? e.textContent : "").join(" "));

// ---------------------------------------------------------------- controls and the words beside them

const TYPED = /^(text|password|email|number|tel|url|search|)$/;
const inputType = (el) => (el.getAttribute("type") || "text").toLowerCase();
const roleOf = (el) => (el.getAttribute("role") || "").toLowerCase();

const kindOf = once(controlKind);
function controlKind(el) {
  const role = roleOf(el), tag = el.tagName;
  if (/\b(presentation|none)\b/.test(role) && tag !== "SELECT") return null;      // a widget's decoration
  if (tag === "INPUT") {
    const type = inputType(el);
    if (el.readOnly && el.tabIndex < 0) return null;                              // an arrow or a validation mark
    if (type === "checkbox" || type === "radio") return type;
    if (!TYPED.test(type) && !/^(hidden|button|submit|image|reset|file|range|color)$/.test(type)) return "text";
    if (!TYPED.test(type)) return null;
    if (role === "combobox" || role === "listbox") return "choice";
    return type === "password" ? "password" : "text";
  }
  if (tag === "SELECT") return "choice";
  if (tag === "TEXTAREA") return "text";
  if (role === "checkbox" || role === "switch") return "checkbox";
  if (role === "radio") return "radio";
  if (role === "combobox" || role === "listbox" || role === "spinbutton") return el.querySelector("input:not([type=hidden]):not([role=presentation]):not([aria-hidden=true])") && role !== "listbox" && !el.hasAttribute("tabindex") ? null : (role === "spinbutton" ? "text" : "choice");
  if (/^(true|listbox|menu)$/.test(el.getAttribute("aria-haspopup") || "")) return "choice";
  if (role === "textbox" || (el.isContentEditable && !(el.parentElement && el.parentElement.isContentEditable))) return "text";
  return null;
}
const isControl = (el) => kindOf(el) !== null;
const hasControl = (el) => el.nodeType === 1 && (isControl(el) || [...el.querySelectorAll("*")].some((e) => isControl(e) && visible(e)));

function cellIndex(cell) {
  let at = 0;
  for (let c = cell.previousElementSibling; c; c = c.previousElementSibling) at += c.colSpan || 1;
  return at;
}
function cellAt(row, index) {
  let at = 0;
  for (const c of row.children) { const span = c.colSpan || 1; if (index >= at && index < at + span) return c; at += span; }
  return null;
}

// Candidate labels of a control, each with how far-fetched it is: 0 is declared, 4 is a neighbour by eye.
const labelsOf = once(labelsFound);
function labelsFound(el) {
  const found = [], kind = kindOf(el);
  const add = (text, weight) => { text = bare(text); if (text && text.length <= 120) found.push([text, weight]); };
  add(byIds(el, "aria-labelledby"), 0);
  add(el.getAttribute("aria-label"), 0);
  for (const label of el.labels || []) add(label.textContent, 0);
  if (!(el.labels || []).length) {
    const wrap = el.closest("label");
    if (wrap) add(wrap.textContent, 0);
    for (const label of document.querySelectorAll("label[for]"))       // a label for a widget's outer node
      if (label.htmlFor && el.id !== label.htmlFor && (document.getElementById(label.htmlFor) || document.body).contains(el)
          && document.getElementById(label.htmlFor) && !document.getElementById(label.htmlFor).matches("form,table,fieldset,body")) add(label.textContent, 0.2);
  }
  add(el.getAttribute("placeholder"), 1.5);
  add(el.getAttribute("title"), 1.5);
  if (el.tagName === "SELECT") { const chosen = el.options[el.selectedIndex], first = el.options[0]; add(chosen && chosen.text, 1.2); add(first && first.text, 1.2); }
  else if (kind === "choice") { add(el.innerText, 1.2); add(el.value, 1.2); }
  const ticks = kind === "checkbox" || kind === "radio";
  if (ticks) for (let n = el.nextSibling, i = 0; n && i < 4; n = n.nextSibling, i++) {
    if (n.nodeType === 1 && hasControl(n)) break;
    if (n.nodeType === 1 && !visible(n)) continue;
    if (shown(n)) { add(shown(n), 0.5); break; }
  }
  if (ticks && el.tagName !== "INPUT") add(shown(el), 0.3);                         // a drawn box holds its own words
  let weight = 1;
  for (let at = el, climbed = 0; at && at !== document.body && climbed < 7; at = at.parentElement, climbed++, weight += 0.25) {
    for (let n = at.previousSibling; n; n = n.previousSibling) {
      if (n.nodeType === 1 && !visible(n)) continue;
      if (n.nodeType === 1 && hasControl(n)) break;
      const text = n.nodeType === 3 || n.nodeType === 1 ? shown(n) : "";
      if (text && /[\p{L}\d]/u.test(text)) { add(text, weight); break; }
    }
    if (ticks && climbed) for (let n = at.nextElementSibling; n; n = n.nextElementSibling) {
      if (hasControl(n)) break;
      if (shown(n)) { add(shown(n), weight + 0.5); break; }
    }
    const holder = at.parentElement;
    if (!ticks && holder && all(holder, (e) => isControl(e) && visible(e)).length === 1) // words behind it, in a box with no other
      for (let n = at.nextSibling; n; n = n.nextSibling) if ((n.nodeType !== 1 || visible(n)) && /\p{L}/u.test(shown(n))) { add(shown(n), weight + 0.6); break; }
    if (/^(TD|TH)$/.test(at.tagName)) {
      const row = at.parentElement, index = cellIndex(at);
      for (let up = row.previousElementSibling, i = 0; up && i < 1; up = up.previousElementSibling, i++) {
        const above = cellAt(up, index);
        if (above && !hasControl(above)) add(shown(above), weight + 1);
      }
    }
    if (at.tagName === "TR" || /^(FORM|FIELDSET|DIALOG)$/.test(at.tagName)) break;
    const parent = at.parentElement;
    if (parent && [...parent.querySelectorAll("*")].some((o) => o !== el && !el.contains(o) && !o.contains(el) && isControl(o) && visible(o)
        && !at.contains(o) && (o.compareDocumentPosition(el) & Node.DOCUMENT_POSITION_FOLLOWING) && !ticks)) weight += 0.5;
  }
  if (found.every(([, w]) => w >= 1.2)) {
    const group = el.closest("fieldset,[role=group],[role=radiogroup]");
    if (group && !ticks) { add(group.getAttribute("aria-label"), 2.5); const legend = group.querySelector("legend"); if (legend) add(legend.textContent, 2.5); }
    for (const [text, far] of neighbours(el)) add(text, 4 + far / 200);
  }
  return found;
}

// Texts that stand left of an element on its line, or closely above it.
function neighbours(el) {
  const me = el.getBoundingClientRect(), out = [];
  for (const other of everything(document)) {
    const text = ownText(other);
    if (!text || text.length > 60 || !visible(other) || other.contains(el) || el.contains(other)) continue;
    const box = other.getBoundingClientRect();
    const level = Math.min(box.bottom, me.bottom) - Math.max(box.top, me.top) > Math.min(box.height, me.height) / 2;
    const left = me.left - box.right, above = me.top - box.bottom;
    if (level && left >= -4 && left < 320) out.push([text, Math.max(left, 0)]);
    else if (above >= -4 && above < 40 && box.left < me.right && box.right > me.left) out.push([text, above + 60]);
  }
  return out.sort((a, b) => a[1] - b[1]).slice(0, 2);
}

const covered = (el) => {
  const box = el.getBoundingClientRect(), x = box.left + box.width / 2, y = box.top + box.height / 2;
  const top = document.elementFromPoint(x, y);
  return !!top && !el.contains(top) && !top.contains(el) && !(el.labels && [...el.labels].some((l) => l.contains(top)))
    && !(el.parentElement && el.parentElement.contains(top));
};

// spec: {words: [regex…] best first, not: regex, kinds: [kind…], group: regex, limit: worst score, any: unlabelled too}
function fields(root, spec) {
  const words = spec.words.map((w) => new RegExp(w, "iu")), whole = spec.words.map((w) => new RegExp(`^(?:${w})$`, "iu"));
  const never = spec.not ? new RegExp(spec.not, "iu") : null, hits = [];
  for (const el of everything(root)) {
    const kind = kindOf(el);
    if (!kind || (spec.kinds && !spec.kinds.includes(kind))) continue;
    const seen = visible(el) || ((kind === "checkbox" || kind === "radio") && [...(el.labels || [])].some(visible));
    if (!seen) continue;
    let best = null;
    for (const [text, weight] of labelsOf(el)) {
      if (never && never.test(text)) { if (weight <= 1) { best = null; break; } continue; }
      words.forEach((word, i) => {
        const exact = whole[i].test(text);
        if (!exact && (!word.test(text) || text.length > 80)) return;
        const score = i * 0.5 + weight * 2 + (exact ? 0 : 1.5);
        if (best === null || score < best) best = score;
      });
    }
    if (best === null && spec.any) best = 9;                                      // any of this kind, rather than none
    if (best === null || (spec.limit !== undefined && best > spec.limit)) continue;
    if (spec.group && !groupOf(el, new RegExp(spec.group, "iu"))) best += 6;
    if (covered(el)) best += 8;
    if (el.disabled) best += 1;
    hits.push([best, el]);
  }
  return ranked(hits);
}
function groupOf(el, word) {
  for (let at = el.parentElement, i = 0; at && at !== document.body && i < 6; at = at.parentElement, i++) {
    if (word.test(bare(at.getAttribute("aria-label")) + " " + byIds(at, "aria-labelledby"))) return true;
    if (word.test(upTo(norm(at.textContent), 160))) return true;
  }
  return false;
}
const ranked = (hits) => hits.map((h, i) => [h[0], i, h[1]]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map(([score, , el]) => ({ score, el }));

// What a control holds: what is chosen, "\u0001" or nothing for a tick, else its text.
function held(el) {
  const kind = kindOf(el);
  if (el.tagName === "SELECT") return (el.options[el.selectedIndex] || {}).text || "";
  if (kind === "checkbox" || kind === "radio") return (el.tagName === "INPUT" ? el.checked : el.getAttribute("aria-checked") === "true") ? "\u0001" : "";
  if (kind === "choice" && el.tagName !== "INPUT") return el.innerText;
  return "value" in el ? el.value : el.textContent;
}
const placeOnPage = (el) => { const box = el.getBoundingClientRect(); return [box.x, box.y, box.width, box.height].map(Math.round); };

// The best of them, for the Python side.
function bestField(spec) {
  const [best] = fields(document, spec);
  if (!best) return null;
  const { score, el } = best, options = el.tagName === "SELECT" ? [...el.options].map((o) => o.text) : [];
  return { score, place: placeOnPage(el), held: held(el) ?? "", kind: kindOf(el), tag: el.tagName, options };
}

// ---------------------------------------------------------------- what can be pressed

const PRESSABLE = "button,a,summary,area,input[type=button],input[type=submit],input[type=image],input[type=reset],[role=button],[role=link],[role=menuitem],[role=menuitemradio],[role=menuitemcheckbox],[role=tab],[role=treeitem],[role=option],[onclick]";

const namesOf = once(namesFound);
function namesFound(el) {
  const names = [el.getAttribute("aria-label"), byIds(el, "aria-labelledby"), el.getAttribute("alt"), el.getAttribute("title")];
  if (el.tagName === "INPUT") names.push(el.value);
  else { names.push(ownText(el)); const text = el.textContent; if (text.length < 300) { names.push(text); if (visible(el)) names.push(el.innerText); } }
  for (const inner of el.querySelectorAll("img[alt],img[title]")) names.push(inner.alt || inner.title);
  return names.map(bare).filter(Boolean);
}

// spec: {words: [regex…] whole names, best first; hidden: also those not visible; dialog: only in the topmost dialog}
function presses(root, spec) {
  const words = spec.words.map((w) => new RegExp(`^(?:${w})$`, "iu")), hits = [];
  const scope = spec.dialog ? dialogRoots().slice(-1) : null;
  if (scope && !scope.length) return [];
  for (const el of everything(scope ? scope[0] : root)) {
    if (el.getAttribute("aria-hidden") === "true" && el.tabIndex < 0 && el.tagName === "INPUT") continue;
    if (!spec.hidden && !visible(el)) continue;
    const solid = el.matches(PRESSABLE), own = bare(ownText(el));
    if (!solid && (!own || own.length > 80 || spec.solid)) continue;
    if (!solid && /^(LABEL|TITLE|OPTION|BODY|HTML)$/.test(el.tagName)) continue;
    const names = solid ? namesOf(el) : [own], rank = words.findIndex((w) => names.some((n) => w.test(n)));
    if (rank < 0) continue;
    const pointer = visible(el) && getComputedStyle(el).cursor === "pointer";
    let score = rank * 3 + (solid ? 0 : pointer ? 1 : /^H\d$|^LEGEND$|^TH$/.test(el.tagName) ? 4 : 2.5);
    if (visible(el) && covered(el)) score += 1;
    if (el.disabled || el.getAttribute("aria-disabled") === "true") score += 0.5;
    hits.push([score, el, solid]);
  }
  const kept = hits.filter(([, el, solid]) => !hits.some(([, other, otherSolid]) => other !== el
    && ((el.contains(other) && (otherSolid || !solid)) || (other.contains(el) && otherSolid && !solid))));
  return ranked(kept);
}

// The same for the Python side: how well each fits, where it stands, and whether it is a link to another page.
function candidates(spec) {
  return presses(document, spec).map(({ score, el }) => {
    const link = el.closest("a[href]"), to = link ? norm(link.getAttribute("href")) : "";
    return { score, place: placeOnPage(el), leads: !!to && !/^(#|javascript:)/i.test(to) };
  });
}

// ---------------------------------------------------------------- dialogs

function dialogRoots() {
  const declared = "[role=dialog],[role=alertdialog],dialog[open],[aria-modal=true]";
  const roots = all(document, (el) => {
    if (!visible(el)) return false;
    if (el.matches(declared)) return true;
    if (!/^(DIV|SECTION|ASIDE|TABLE|FORM|ARTICLE)$/.test(el.tagName) || el.matches("[role=menu],[role=menubar],[role=navigation],[role=listbox]")) return false;
    const style = getComputedStyle(el);
    if (style.position !== "fixed" && !(style.position === "absolute" && parseInt(style.zIndex) > 0)) return false;
    return !!el.querySelector(PRESSABLE) && !!norm(el.textContent) && !el.querySelector("[role=menubar],[role=menu],nav,[role=navigation]");
  });
  const inner = roots.filter((el) => !roots.some((other) => other !== el && el.contains(other) && other.querySelector(PRESSABLE)));
  const depth = (el) => { let z = 0; for (let at = el; at && at !== document.body; at = at.parentElement) z = Math.max(z, parseInt(getComputedStyle(at).zIndex) || 0); return z; };
  return inner.map((el, i) => [depth(el), i, el]).sort((a, b) => a[0] - b[0] || a[1] - b[1]).map((x) => x[2]);
}
function dialogs() {
  return dialogRoots().map((el) => ({
    text: upTo(shown(el), 600),
    declared: el.matches("[role=dialog],[role=alertdialog],dialog[open],[aria-modal=true]"),
    fields: all(el, (e) => isControl(e) && visible(e) && kindOf(e) !== "checkbox").length,
    buttons: [...new Set(all(el, (e) => e.matches(PRESSABLE) && visible(e)).map((e) => namesOf(e)[0]).filter(Boolean))].slice(0, 12),
  }));
}
