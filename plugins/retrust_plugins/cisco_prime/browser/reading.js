// Reading: which value belongs to a label, rows of tables and lists, milestones, lines. A value is what stands
// in the label's own place; an empty place is "" and never a neighbour's text. Uses what ``words.js`` defines.

const leaves = (root) => all(root || document, (el) => ownText(el) && visible(el));

function pieces(el, skip) {
  const out = [], walk = (n) => {
    if (n.nodeType === 3) { if (norm(n.data)) out.push(norm(n.data)); return; }
    if (n.nodeType !== 1 || SILENT.test(n.tagName) || skip && n !== el && skip(n) || !visible(n) && getComputedStyle(n).display !== "contents") return;
    if (!norm(n.textContent)) { const words = shown(n); if (words) out.push(words); }
    else n.childNodes.forEach(walk);
  };
  walk(el);
  return out;
}

// An element's text with blanks between its pieces; textContent runs cells together.
const spaced = (el) => pieces(el).join(" ");

// ---------------------------------------------------------------- the own place of a label

const isBox = (el) => el.matches("textarea,select") || el.tagName === "INPUT" && !/\b(presentation|none)\b/.test(roleOf(el)) && TYPED.test(inputType(el));
const CELL = "td,th,[role=cell],[role=gridcell],[role=columnheader],[role=rowheader]";
const ROW = "tr,[role=row]";
const TITLE = (c) => c.tagName === "TH" || roleOf(c) === "columnheader";
const cellsOf = (row) => [...row.children].filter((c) => getComputedStyle(c).display !== "none");

// What an element says as a value: its only box's content, else its words; null where it is a form. The words of
// buttons and links count only where there are no others.
function said(el) {
  if (el.nodeType === 3) return norm(el.data);
  const boxes = all(el, (e) => isBox(e) && visible(e));
  if (boxes.length > 1) return null;
  if (boxes.length) return boxes[0].tagName === "SELECT" ? norm((boxes[0].options[boxes[0].selectedIndex] || {}).text) : inputType(boxes[0]) === "password" ? null : norm(boxes[0].value);
  return pieces(el, (e) => e.matches(PRESSABLE)).join(" ") || shown(el);
}

// What stands between a label and its value without being one: marks, breaks, pictures, hidden help.
function isDecor(n) {
  if (n.nodeType === 3) return /^[\s:=*\u00a0]*$/.test(n.data);
  if (n.nodeType !== 1 || /^(BR|WBR|HR|SVG|SCRIPT|STYLE|TEMPLATE|COL|COLGROUP)$/i.test(n.tagName)) return true;
  if (n.getAttribute("aria-hidden") === "true" || n.matches("input[type=hidden],img:not([alt]),img[alt='']")) return true;
  const text = norm(n.textContent);
  return /^[:=*?]+$/.test(text) || !!text && getComputedStyle(n).display === "none";
}
function after(node) {
  let next = node.nextSibling;
  while (next && isDecor(next)) next = next.nextSibling;
  return next;
}

// The element that a label names, or that names it as its label: for, aria-labelledby, aria-describedby, headers.
function declared(leaf) {
  const root = leaf.getRootNode(), label = leaf.closest("label");
  const told = ["aria-describedby", "aria-details", "aria-owns"].map((a) => leaf.getAttribute(a)).filter(Boolean).join(" ");
  const ids = [...told.split(/\s+/), label && label.htmlFor].filter(Boolean);
  for (const id of ids) { const el = root.getElementById && root.getElementById(id); if (el && !el.contains(leaf)) return el; }
  for (let at = leaf, i = 0; at && at !== document.body && i < 3 && norm(at.textContent).length <= norm(leaf.textContent).length + 3; at = at.parentElement, i++) {
    const id = at.id && CSS.escape(at.id);
    const named = id && root.querySelectorAll && [...root.querySelectorAll(["aria-labelledby", "aria-describedby", "headers"].map((a) => `[${a}~="${id}"]`).join(","))].find((e) => !e.contains(leaf) && !leaf.contains(e));
    if (named) return named;
  }
  return null;
}

// The cell under a column's title: in the next row, or in the first row of a table that is drawn right below.
function under(cell, line) {
  const grid = line.closest("[role=grid],[role=table],[role=treegrid]") || line.closest("table") || line.parentElement;
  const follows = (r) => r.matches(ROW) && getComputedStyle(r).display !== "none" && line.compareDocumentPosition(r) & Node.DOCUMENT_POSITION_FOLLOWING && !line.contains(r) && ![...r.querySelectorAll(ROW)].length;
  const own = all(grid, follows)[0], next = own || all(document, follows)[0];
  if (!next || cellsOf(next).length !== cellsOf(line).length) return null;
  const found = cellAt(next, cellIndex(cell)), here = cell.getBoundingClientRect(), there = found && found.getBoundingClientRect();
  return found && (own || Math.abs(here.left - there.left) < 9 && there.top - here.bottom < 60) ? found : null;
}
function titles(line) {
  const cells = cellsOf(line), grid = line.closest("table,[role=grid],[role=table]");
  if (cells.length < 2 || !(line.closest("thead") || cells.every(TITLE))) return false;
  return !!line.closest("thead") || !grid || !all(grid, (r) => r.matches(ROW)).every((r) => cellsOf(r).every(TITLE)) || all(grid, (r) => r.matches(ROW)).length === 1;
}

const oneWord = (n) => n.nodeType === 3 || leaves(n).length + all(n, (e) => isBox(e)).length <= 1;
const labelLike = (text) => /^[^:]{1,60}:(\s|$)/.test(text || "");

// The node in which a label's value stands, or will stand; null where it has no place of its own.
function placeOf(leaf, rest) {
  const named = declared(leaf);
  if (named) return named;
  const cell = leaf.closest(CELL) || (leaf.closest("[role=row]") && [...leaf.closest("[role=row]").children].find((c) => c.contains(leaf)));
  const end = cell || leaf.closest("dt");
  if (leaf.tagName !== "DT" && !(end && end === leaf)) {
    const level = placeBeside(leaf, end);
    if (level && (said(level) !== "" || !end)) return level;
    if (level && end) { const far = beyond(end); return far && oneWord(far) && said(far) && !labelLike(said(far)) ? far : level; }
  }
  const inside = [...leaf.children].filter((c) => !isDecor(c));
  const far = end ? beyond(end) : null;
  if (inside.length && !inside.some((c) => said(c)) && (!far || !oneWord(far) || labelLike(said(far)))) return inside[0];
  return far;
}
function placeBeside(leaf, end) {
  for (let at = leaf, i = 0; at && at !== end && at !== document.body && i < 5; at = at.parentElement, i++) {
    const next = after(at);
    if (next) return i === 0 && !labelLike(said(next)) ? next : i && ownedBy(at, next) ? next : null;
    if (/^(LI|FORM|FIELDSET|DL|TABLE|DIALOG)$/.test(at.tagName) || at.matches(ROW)) return null;
  }
  return null;
}
// Whether what follows a label's box is its value: one text, to the right of it, or the only other thing in the box around both.
function ownedBy(at, next) {
  if (!oneWord(next) || labelLike(said(next))) return false;
  if (next.nodeType === 3) return true;
  const here = at.getBoundingClientRect(), there = next.getBoundingClientRect();
  if (there.left >= here.right - 4 && there.top < here.bottom) return true;
  const twins = at.tagName === next.tagName && at.className === next.className;
  return !twins && [...at.parentElement.childNodes].filter((n) => !isDecor(n)).length === 2;
}
function beyond(end) {
  if (end.tagName === "DT") {
    let next = end.nextElementSibling;
    while (next && !/^D[TD]$/.test(next.tagName)) next = next.nextElementSibling;
    return next && next.tagName === "DD" ? next : null;
  }
  const line = end.parentElement;
  if (titles(line)) return under(end, line);
  let next = end.nextElementSibling;
  while (next && (getComputedStyle(next).display === "none" || /^[:=]$/.test(norm(next.textContent)))) next = next.nextElementSibling;
  if (next) return next;
  const table = line.closest("table"), outer = table && table.parentElement && table.parentElement.closest(CELL);
  if (cellsOf(line).length === 1 && outer && table.rows.length === 1) return beyond(outer);   // a table around the label alone
  const below = cellsOf(line).length === 1 && line.nextElementSibling;                        // a label above its value
  if (!below || !below.matches(ROW) || cellsOf(below).length !== 1 || labelLike(said(below)) || (said(below) || "").length > 80) return null;
  return below.children[0];
}

// The value of one label: "" while its place is empty, null where it has none.
function ownValue(leaf, word) {
  const words = pieces(leaf, (e) => e.matches(PRESSABLE)).join(" "), rest = words.match(word) ? norm(words.replace(word, "")) : "";
  if (rest && !/^[*:?]+$/.test(rest)) return rest;
  const within = all(leaf, (e) => isBox(e));
  if (within.length) return said(leaf);
  const place = placeOf(leaf);
  return place ? said(place) : null;
}

// The own values of every place where a label is shown; [""] where it is shown and has none.
function valuesOf(spec) {
  const word = new RegExp(`^(?:${spec.word})\\s*(?:[:=–-]\\s*|\\s+is\\s+|$)`, "iu"), out = [];
  let labels = 0;
  for (const leaf of leaves()) {
    const own = spaced(leaf);
    if (leaf.matches(PRESSABLE) || own.length > 200 || !(word.test(own) || word.test(ownText(leaf)))) continue;
    if (all(leaf, (e) => e !== leaf && word.test(spaced(e)) && ownText(e)).length) continue;        // its label is a leaf of its own
    labels += 1;
    const value = ownValue(leaf, word);
    if (value !== null) out.push(value);
  }
  for (const el of all(document, (e) => e.hasAttribute("aria-label") && visible(e) && !isControl(e) && !e.matches(PRESSABLE)))
    if (new RegExp(`^(?:${spec.word}):?$`, "iu").test(norm(el.getAttribute("aria-label"))) && !word.test(spaced(el))) { labels += 1; const value = said(el); if (value !== null) out.push(value); }
  if (out.length) return out;
  const control = fields(document, { words: [spec.word], kinds: ["text", "choice"], limit: 3.5 })[0];
  if (control) return [said(control.el) || ""];
  return labels ? [""] : [];
}

// ---------------------------------------------------------------- rows

// Table rows and grid rows: {table, cells, header}, in document order.
function rows() {
  const tables = [], out = [];
  for (const el of everything(document)) {
    if (!el.matches(ROW) || !visible(el)) continue;
    if ([...el.querySelectorAll(ROW)].some((r) => visible(r))) continue;
    const grid = el.closest("[role=grid],[role=table],[role=treegrid]") || el.closest("table") || el.parentElement;
    if (!tables.includes(grid)) tables.push(grid);
    const cells = cellsOf(el).filter((c) => visible(c) || !norm(c.textContent));
    if (!cells.length) continue;
    out.push({
      table: tables.indexOf(grid), cells: cells.map((c) => upTo(shown(c) || said(c) || "", 300)),
      header: cells.every(TITLE) || !!el.closest("thead"),
    });
  }
  return out;
}

// The box that a leaf shares with what stands beside it: {box, at}, at being the part that holds the leaf.
function boxOf(leaf, word) {
  for (let at = leaf, i = 0; at.parentElement && at.parentElement !== document.documentElement && i < 5; at = at.parentElement, i++) {
    const flat = all(at.parentElement, (e) => !at.contains(e) && word.test(ownText(e)) && visible(e)).length > 0;
    if (flat || after(at) || at.previousElementSibling && !isDecor(at.previousElementSibling)) return { box: flat ? null : at.parentElement, at };
  }
  return null;
}

// What stands beside each leaf that matches, outside of tables: {pieces, siblings}, and ``named``: the values of a label in that box.
function around(spec) {
  const word = new RegExp(spec.word, "iu"), label = spec.label && new RegExp(`^(?:${spec.label})\\s*(?:[:=–-]\\s*|$)`, "iu"), out = [];
  for (const leaf of leaves()) {
    if (!word.test(ownText(leaf)) || leaf.closest(ROW)) continue;
    const dt = leaf.closest("dt"), found = boxOf(leaf, word);
    if (!dt && !found) continue;
    const value = ownValue(leaf, /^$/) || "", flat = dt || !found.box;
    const words = flat || (found.at === leaf && !after(leaf) ? false : !value) ? [shown(leaf), value] : pieces(found.box);
    if (words.join(" ").length > 600) continue;
    const peers = dt ? [...dt.closest("dl").querySelectorAll("dt")].filter((d) => d !== dt).map((d) => [shown(d), ownValue(d, /^$/) || ""])
      : found.box && found.box.parentElement ? [...found.box.parentElement.children].filter((s) => s !== found.box && s.tagName === found.box.tagName && visible(s)).map((s) => pieces(s)) : [];
    const named = label && found && found.box ? leaves(found.box).filter((l) => label.test(spaced(l))).map((l) => ownValue(l, label)) : [];
    out.push({ pieces: words, siblings: peers.filter((s) => s.length > 1 && s.join(" ").length < 600), named });
  }
  return out;
}

// ---------------------------------------------------------------- milestones

const PERCENT = /(\d{1,3})(?:[.,]\d+)?\s*%/;
function percentIn(el) {
  const bar = [el, ...el.querySelectorAll("*")].find((e) => roleOf(e) === "progressbar" || /^(PROGRESS|METER)$/.test(e.tagName));
  if (bar) {
    const now = parseFloat(bar.getAttribute("aria-valuenow") ?? bar.getAttribute("value") ?? "");
    const most = parseFloat(bar.getAttribute("aria-valuemax") ?? bar.getAttribute("max") ?? "") || (roleOf(bar) === "progressbar" ? 100 : 1);
    if (!isNaN(now)) return Math.round(100 * now / most);
  }
  const text = (el.innerText || el.textContent || "").match(PERCENT) || spaced(el).match(PERCENT);
  const boxed = all(el, isBox).map((box) => box.value.match(PERCENT)).find(Boolean);
  if (text || boxed) return parseInt((text || boxed)[1]);
  const drawn = all(el, (e) => /%$/.test(e.style.width || e.getAttribute("width") || "") && !norm(e.textContent)
    && !e.querySelector("[style*=width],[width]")).pop();                           // a bar without words: its own width
  return drawn ? Math.round(parseFloat(drawn.style.width || drawn.getAttribute("width"))) : null;
}

const STATED = /fail|error|abort|cancel|complete|success|done|progress|pending|waiting|not started|started|running/i;
// What is left of a text without its number and its words of state: the words of something else.
const foreign = (text) => /\p{L}/u.test(text.replace(PERCENT, "").replace(/\b(fail(ed|ure)?|error|aborted|cancel(l?ed)?|completed?|success(ful(ly)?)?|done|in|progress|pending|waiting|not|started|running|ok)\b/gi, ""));

// The text and percent that belong to one milestone's name: in its own cell, column, row or list entry, up to another's name.
function ownMilestone(leaf, names) {
  const name = ownText(leaf), isName = (el) => names.some((w) => w.test(spaced(el))), cell = leaf.closest("th,[role=columnheader]"), line = cell && cell.parentElement;
  if (line && names.filter((w) => w.test(spaced(line))).length > 1) {
    const below = under(cell, line);
    return below ? { text: `${name} ${spaced(below)}`, percent: percentIn(below) } : { text: name, percent: null };
  }
  const words = [name], found = { percent: [...leaf.children].map(percentIn).find((p) => p !== null) ?? (name.match(PERCENT) ? parseInt(name.match(PERCENT)[1]) : null) };
  for (const child of leaf.children) words.push(spaced(child));
  for (let at = leaf, n = 0; at && at !== document.body && n < 6; at = at.parentElement, n++) {
    for (let next = at.nextElementSibling, own = true; next && !isName(next); next = next.nextElementSibling) {
      const text = spaced(next);
      own = own && (!foreign(text) || n === 0 && PERCENT.test(text) && !/\b(overall|total)\b/i.test(text));
      if (!own) { if (n === 0) words.push(text); continue; }
      words.push(text);
      if (found.percent === null && visible(next)) found.percent = percentIn(next);
    }
    if (found.percent !== null && n || at.matches(`${ROW},li,dt`) || all(at.parentElement, (e) => !at.contains(e) && e !== at.parentElement && names.some((w) => w.test(ownText(e)))).length) break;
  }
  return { text: words.filter(Boolean).join(" "), percent: found.percent };
}

// spec: {names: [regex…]}; for each name its text and percent, or null.
function milestones(spec) {
  const names = spec.names.map((n) => new RegExp(n, "iu"));
  const bars = all(document, (e) => visible(e) && (roleOf(e) === "progressbar" || /^(PROGRESS)$/.test(e.tagName)));
  const found = names.map((name) => {
    let best = null;
    for (const bar of bars) if (name.test((bar.getAttribute("aria-label") || "") + " " + byIds(bar, "aria-labelledby") + " " + (bar.title || "")))
      best = { text: shown(bar), percent: percentIn(bar) };
    for (const leaf of leaves()) {
      if (!name.test(ownText(leaf)) || ownText(leaf).length > 300) continue;
      const own = ownMilestone(leaf, names), worth = (m) => (m.percent !== null ? 2 : 0) + (STATED.test(m.text) ? 1 : 0);
      own.text = upTo(own.text, 300);
      if (!best || worth(own) > worth(best)) best = own;
    }
    return best;
  });
  if (bars.length === names.length && found.every((one) => one && one.percent === null)) found.forEach((one, i) => { one.percent = percentIn(bars[i]); });
  return found;
}

// Visible text, line by line; table rows are one line each.
function lines() {
  const text = document.body ? (document.body.innerText || "") : "";
  return [...new Set(text.split(/\n+/).map((l) => norm(l)).filter(Boolean))].map((l) => upTo(l, 400)).slice(0, 400);
}
// What says of itself that it is being worked on.
const busy = () => all(document, (el) => visible(el) && (el.getAttribute("aria-busy") === "true"
  || /^((please wait|loading|working|processing|checking)\b.{0,60}|.{0,60}\bin progress\b.{0,20})$/i.test(ownText(el)) && ownText(el).length < 90)).length > 0;
// Names of everything that can be pressed, for "what was visible".
const pressables = () => [...new Set(all(document, (el) => el.matches(PRESSABLE) && visible(el)).map((el) => namesOf(el)[0]).filter(Boolean))].map((n) => upTo(n, 40)).slice(0, 40);
