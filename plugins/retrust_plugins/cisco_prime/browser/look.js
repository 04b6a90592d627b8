// One look: several questions to one document at one moment, by the names of the functions that answer them.

// How many text boxes stand beside a field, null where there is no such field; how many such fields there are.
const textsBeside = (spec) => fields(document, spec).length ? all(document, (e) => kindOf(e) === "text" && visible(e)).length : null;
const howMany = (spec) => [fields(document, spec).length];

// Leave the field that was filled in last; what the page makes of that counts for the questions after this one.
function leave() {
  let el = document.activeElement;
  while (el && el.shadowRoot && el.shadowRoot.activeElement) el = el.shadowRoot.activeElement;
  if (el && el !== document.body && !/^I?FRAME$/.test(el.tagName)) { el.blur(); remember(); }
}

const ANSWERS = { around, bestField, busy, candidates, dialogs, howMany, leave, lines, milestones, pressables, rows, textsBeside, valuesOf };
function look(asked) {
  remember();
  try { return asked.map(([name, spec]) => ANSWERS[name](spec)); }
  finally { forget(); }
}
