// The answer to a command: who did it in how many ms, who refused and why, who is silent.
// Shows a RollCall {name, target, done, rows: [{node, st, ms, err, re}]}; decides nothing. Of a large class it lists
// the exceptions, and the others on request.

import {glyph, h, patchList, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {roundTrip} from "./units.js";

const HEARD = new Set(["ok", "done", "dup"]);
const LONG = 60; // rows; more are not read one by one

/** Has the node said yes? A repeated command was done the first time. */
export function heard(row) {
  return HEARD.has(row.st);
}

const SAY = {
  bad: "bad arguments",
  unknown: "does not know it",
  busy: "is busy",
  muted: "is muted",
  fail: "failed",
  silent: "no answer",
};

export class RollCallView {
  constructor(fleet, onclose) {
    this.fleet = fleet;
    this.title = h("h2", {});
    this.summary = h("p", {class: "summary", role: "status"});
    this.meter = h("progress", {class: "meter", max: 1, value: 0, "aria-label": "answered"});
    this.rows = h("ul", {class: "answers"});
    this.all = false;
    this.more = h("button", {type: "button", class: "quiet more", hidden: true, onclick: () => this.toggle()});
    this.element = h(
      "section",
      {class: "rollcall", "aria-label": "Roll-call", hidden: true},
      h(
        "header",
        {},
        this.title,
        this.summary,
        h(
          "button",
          {type: "button", class: "icon", "aria-label": "Close the roll-call", onclick: onclose},
          glyph("mark-no"),
        ),
      ),
      this.meter,
      this.rows,
      this.more,
    );
  }

  open(rollcall) {
    this.all = false;
    setHidden(this.element, false);
    this.patch(rollcall);
  }

  toggle() {
    this.all = !this.all;
    this.patch(this.rollcall);
  }

  clear() {
    setHidden(this.element, true);
  }

  patch(rollcall) {
    this.rollcall = rollcall;
    const rows = [...rollcall.rows].sort(
      (a, b) => weight(a) - weight(b) || (a.ms ?? 0) - (b.ms ?? 0) || (a.node < b.node ? -1 : 1),
    );
    const exceptions = rows.filter((row) => !heard(row));
    const long = rows.length > LONG && exceptions.length < rows.length;
    setText(this.title, rollcall.title ?? rollcall.name);
    setText(
      this.summary,
      summary(rollcall, (id) => this.name(id)),
    );
    this.meter.max = Math.max(rows.length, 1);
    this.meter.value = rows.filter((row) => row.st !== "waiting" && row.st !== "silent").length;
    setAttribute(this.element, "data-outcome", outcome(rollcall));
    patchList(
      this.rows,
      long && !this.all ? exceptions : rows,
      (row) => row.node,
      makeRow,
      (element, row) => this.patchRow(element, row),
    );
    setText(this.more, this.all ? "Show the exceptions only" : `Show the ${rows.length - exceptions.length} who answered`);
    setHidden(this.more, !long);
  }

  patchRow(element, row) {
    const [mark, name, said] = element.parts;
    setAttribute(element, "data-st", heard(row) ? "heard" : row.st);
    setGlyph(
      mark,
      heard(row) ? "mark-yes" : row.st === "waiting" ? "mark-waiting" : row.st === "silent" ? "mark-silent" : "mark-no",
    );
    setText(name, row.label ?? this.name(row.node));
    setText(said, saying(row));
  }

  name(id) {
    return this.fleet.nodes.get(id)?.name || id;
  }
}

function makeRow() {
  const parts = [glyph("mark-waiting"), h("b", {}), h("span", {})];
  const element = h("li", {}, ...parts);
  element.parts = parts;
  return element;
}

// The silent first, then who refused, then who waits, then who answered, the fastest in front.
function weight(row) {
  return heard(row) ? 3 : row.st === "waiting" ? 2 : row.st === "silent" ? 0 : 1;
}

/** What one row says: "12 ms", "12 ms · Ada", "is muted". */
export function saying(row) {
  if (row.st === "waiting") return "…";
  if (heard(row)) return row.re == null || row.re === true ? roundTrip(row.ms) : `${roundTrip(row.ms)} · ${row.re}`;
  return row.err || (SAY[row.st] ?? row.st);
}

function outcome({done, rows}) {
  if (rows.some((row) => row.st !== "waiting" && !heard(row))) return "some";
  return done ? "all" : "waiting";
}

/** "5 of 5 in 84 ms", "3 of 5 in 90 ms, 1 refused, silent: Eve". */
export function summary({done, rows}, name = (id) => id) {
  if (!rows.length) return "nobody is online to hear this";
  const answered = rows.filter(heard);
  const silent = rows.filter((row) => row.st === "silent");
  const refused = rows.filter((row) => weight(row) === 1);
  const slowest = Math.max(...answered.map((row) => row.ms ?? 0), 0);
  const parts = [`${answered.length} of ${rows.length}${answered.length ? ` in ${roundTrip(slowest)}` : ""}`];
  if (refused.length) parts.push(`${refused.length} refused`);
  if (silent.length)
    parts.push(
      `silent: ${silent
        .slice(0, 5)
        .map((row) => name(row.node))
        .join(", ")}${silent.length > 5 ? " …" : ""}`,
    );
  if (!done) parts.push("waiting");
  return parts.join(", ");
}
