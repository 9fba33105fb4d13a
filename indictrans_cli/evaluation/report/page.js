"use strict";
// The sentence view of a report. Every text is set as textContent: nothing of a test set or a system is ever markup.
const AT_A_TIME = 25;
const SPACES = /([ \t\r\n\u00a0\u2000-\u200a\u3000]+)/; // as in differences.py

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function words(text, marks, className) {
  // Words that the two sides do not share are coloured; white space stays as it is.
  const said = element("span", "said");
  let word = 0;
  for (const part of text.split(SPACES)) {
    if (part === "" || SPACES.test(part)) said.append(part);
    else said.append(marks[word++] === "0" ? element("span", className, part) : part);
  }
  return said;
}

function option(select, value, text) {
  const made = element("option", "", text);
  made.value = value;
  select.append(made);
}

function labelled(text, control) {
  const label = element("label", "", text + " ");
  label.append(control);
  return label;
}

function view(box, data) {
  const state = { shown: AT_A_TIME, hidden: new Set() };
  const controls = element("div", "controls");
  const search = element("input");
  search.type = "search";
  search.placeholder = "words in any text";
  const group = element("select");
  option(group, "", "all sentences");
  data.groups.forEach((name, at) => option(group, at, name));
  const flag = element("select");
  option(flag, "", "any");
  data.flags.forEach((name) => option(flag, name, name));
  const order = element("select");
  data.systems.forEach((name, at) => option(order, "worst:" + at, "worst of " + name));
  option(order, "line", "line");
  data.systems.forEach((one, first) => data.systems.forEach((other, second) => {
    if (first !== second) option(order, "gap:" + first + ":" + second, one + " worse than " + other);
  }));
  controls.append(search, labelled("kind", group), labelled("problem", flag), labelled("order", order));
  if (data.systems.length > 1) data.systems.forEach((name, at) => {
    const tick = element("input");
    tick.type = "checkbox";
    tick.checked = true;
    tick.addEventListener("change", () => { tick.checked ? state.hidden.delete(at) : state.hidden.add(at); draw(); });
    const label = labelled("", tick);
    label.append(" " + name);
    controls.append(label);
  });
  const count = element("span", "score");
  controls.append(count);
  const list = element("div");
  const more = element("button", "", "more");
  const foot = element("div", "foot");
  foot.append(more);
  box.append(controls, list, foot);

  function chosen() {
    const wanted = search.value.toLocaleLowerCase();
    const rows = data.rows.filter((row) =>
      (group.value === "" || row.groups.includes(Number(group.value))) &&
      (flag.value === "" || row.flags.some((flags, at) => !state.hidden.has(at) && flags.includes(flag.value))) &&
      (wanted === "" || [row.src || "", row.ref, ...row.hyp].some((text) => text.toLocaleLowerCase().includes(wanted))));
    const [kind, first, second] = order.value.split(":");
    const key = { line: (row) => row.line, worst: (row) => row.score[first], gap: (row) => row.score[first] - row.score[second] }[kind];
    return rows.map((row) => [key(row), row]).sort((one, other) => one[0] - other[0]).map((pair) => pair[1]);
  }

  function line(card, who, className, said) {
    const row = element("div");
    const name = element("div", "who " + className, who);
    name.title = who;
    row.append(name, said);
    card.append(row);
  }

  function draw() {
    const rows = chosen();
    count.textContent = rows.length.toLocaleString() + " sentences";
    list.replaceChildren(...rows.slice(0, state.shown).map((row) => {
      const card = element("div", "row");
      if (row.src !== null) line(card, "source, line " + row.line, "", element("span", "said", row.src));
      const visible = data.systems.map((_, at) => at).filter((at) => !state.hidden.has(at));
      const marks = visible.length ? row.refMarks[visible[0]] : "";
      line(card, row.src === null ? "reference, line " + row.line : "reference", "", words(row.ref, marks, "missed"));
      for (const at of visible) {
        const said = words(row.hyp[at], row.hypMarks[at], "other");
        said.append(element("span", "score", row.score[at].toFixed(1)));
        row.flags[at].forEach((name) => said.append(element("span", "flag", name)));
        line(card, data.systems[at], "s s" + (at % 8), said);
      }
      return card;
    }));
    more.hidden = rows.length <= state.shown;
  }

  for (const control of [search, group, flag, order]) control.addEventListener("input", () => { state.shown = AT_A_TIME; draw(); });
  more.addEventListener("click", () => { state.shown += 4 * AT_A_TIME; draw(); });
  draw();
}

JSON.parse(document.getElementById("data").textContent).forEach((data, at) => view(document.getElementById("sentences-" + at), data));
