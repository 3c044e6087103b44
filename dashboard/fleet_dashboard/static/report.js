// The report of a lesson: choose the span, read it, print it or take it away. Loaded when first wanted, with its own
// style sheet. It shows one document of the API at a time and asks for the next when somebody chooses another span.

import {get} from "./api.js";
import {h, loadStyle, setAttribute, setHidden, setText} from "./dom.js";
import {clock, count, MISSING, symbol} from "./units.js";

await loadStyle("/static/report.css");

const MINUTE = 60_000;
const SPANS = [
  ["45m", "45 min", 45 * MINUTE],
  ["90m", "90 min", 90 * MINUTE],
  ["3h", "3 h", 180 * MINUTE],
  ["today", "Today", null],
  ["span", "From – to", null],
];
const LOST = ["missing", "dropped", "gone"];
const GOOD = ["ok", "done"];
const OPEN = [...GOOD, "waiting"];

export class ReportPage {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.group = query.get("group") ?? "";
    this.choice = query.has("from") ? "span" : (query.get("last") ?? "90m");
    this.from = numberOf(query.get("from"));
    this.to = numberOf(query.get("to"));
    this.asked = 0;
    this.bar = this.makeBar();
    this.why = h("p", {class: "problem", role: "alert", hidden: true});
    this.sheet = h("article", {class: "sheet panel", "aria-label": "The report", "aria-busy": "true"});
    this.element = h("div", {class: "report"}, this.bar, this.why, this.sheet);
  }

  makeBar() {
    const tab = ([key, words]) => h("button", {type: "button", onclick: () => this.choose(key)}, words);
    this.tabs = SPANS.map(tab);
    this.begin = this.timeInput();
    this.end = this.timeInput();
    this.times = h(
      "span",
      {class: "times"},
      h("label", {}, "From ", this.begin),
      h("label", {}, "to ", this.end),
    );
    this.groups = h("select", {"aria-label": "Group", onchange: () => this.chooseGroup()});
    this.html = h("a", {class: "button", download: true}, "Save as HTML");
    this.csv = h("a", {class: "button", download: true}, "CSV");
    return h(
      "div",
      {class: "report-bar"},
      h("div", {class: "tabs", role: "group", "aria-label": "Which time"}, ...this.tabs),
      this.times,
      this.groups,
      h(
        "span",
        {class: "take"},
        h("button", {type: "button", onclick: () => this.load()}, "Update"),
        h("button", {type: "button", class: "send", onclick: () => print()}, "Print"),
        this.html,
        this.csv,
      ),
    );
  }

  timeInput() {
    return h("input", {type: "datetime-local", required: true, onchange: () => this.chooseTimes()});
  }

  show() {
    this.patchGroups();
    this.load();
  }

  hide() {}

  tick() {
    this.patchGroups();
  }

  // -- what is chosen ------------------------------------------------------------------------------------------

  choose(key) {
    if (key === "span") [this.from, this.to] = this.span();
    this.choice = key;
    this.load();
  }

  chooseGroup() {
    this.group = this.groups.value;
    this.load();
  }

  chooseTimes() {
    if (!this.begin.value || !this.end.value) return;
    this.from = new Date(this.begin.value).getTime();
    this.to = new Date(this.end.value).getTime();
    this.load();
  }

  /** [from, to] in UTC ms, of the dashboard's clock where it is known. */
  span() {
    const now = this.fleet.ready ? this.fleet.now() : Date.now();
    if (this.choice === "span") return [this.from ?? now - 90 * MINUTE, this.to ?? now];
    const length = SPANS.find(([key]) => key === this.choice)?.[2];
    return [this.choice === "today" ? new Date(now).setHours(0, 0, 0, 0) : now - (length ?? 90 * MINUTE), now];
  }

  remember() {
    const query = new URLSearchParams();
    if (this.choice === "span") {
      query.set("from", this.from);
      query.set("to", this.to);
    } else query.set("last", this.choice);
    if (this.group) query.set("group", this.group);
    history.replaceState(history.state, "", `/report?${query}`);
  }

  // -- what is shown -------------------------------------------------------------------------------------------

  async load() {
    const [from, to] = this.span();
    if (this.choice === "span") [this.from, this.to] = [from, to];
    this.remember();
    document.title = "Lesson report · Sensor Fleet"; // what a browser prints on top of the page
    this.patchBar(from, to);
    const asked = ++this.asked;
    if (from >= to) return this.complain("From lies before to: choose an earlier or a later one.");
    setAttribute(this.sheet, "aria-busy", "true");
    try {
      const query = new URLSearchParams({from: Math.floor(from), to: Math.ceil(to)});
      if (this.group) query.set("group", this.group);
      const found = await get(`/api/report?${query}`);
      if (asked !== this.asked) return; // somebody has chosen another one meanwhile
      setHidden(this.why, true);
      this.sheet.replaceChildren(...sheet(found));
    } catch (error) {
      if (asked !== this.asked) return;
      this.complain(error.message);
    }
    setAttribute(this.sheet, "aria-busy", "false");
  }

  complain(sentence) {
    setText(this.why, sentence);
    setHidden(this.why, false);
    this.sheet.replaceChildren();
  }

  patchBar(from, to) {
    SPANS.forEach(([key], place) => setAttribute(this.tabs[place], "aria-pressed", String(key === this.choice)));
    setHidden(this.times, this.choice !== "span");
    this.begin.value = local(from);
    this.end.value = local(to);
    const query = new URLSearchParams({from: Math.floor(from), to: Math.ceil(to)});
    if (this.group) query.set("group", this.group);
    setAttribute(this.csv, "href", `/api/report.csv?${query}`);
    query.set("zone", -new Date(from).getTimezoneOffset());
    setAttribute(this.html, "href", `/api/report.html?${query}`);
  }

  patchGroups() {
    const names = new Set([...this.fleet.nodes.values()].flatMap((node) => node.groups ?? []));
    if (this.group) names.add(this.group);
    const wanted = ["", ...[...names].sort()];
    setHidden(this.groups, wanted.length === 1);
    if (wanted.join() === this.known) return;
    this.known = wanted.join();
    this.groups.replaceChildren(...wanted.map((name) => h("option", {value: name}, name || "All groups")));
    this.groups.value = this.group;
  }
}

function numberOf(text) {
  return text && Number.isFinite(Number(text)) ? Number(text) : null;
}

/** UTC ms as the value of a datetime-local input. */
function local(ms) {
  const date = new Date(ms);
  return new Date(date.getTime() - date.getTimezoneOffset() * MINUTE).toISOString().slice(0, 16);
}

function* sheet(report) {
  const {totals} = report;
  const group = report.group ? `, group ${report.group}` : "";
  yield h("h1", {}, "Lesson report");
  yield h("p", {class: "when"}, `${day(report.from)}, ${between(report.from, report.to)}`);
  yield h("p", {class: "hint"}, `${report.base}${group} · as of ${clock(report.made).slice(0, 5)}`);
  const figures = Object.entries({...totals, rounds: report.rounds.length}).filter(
    ([key, value]) => value || !LOST.includes(key),
  );
  yield h(
    "dl",
    {class: "figures"},
    ...figures.map(([key, value]) =>
      h("div", {"data-bad": LOST.includes(key)}, h("dt", {}, value === 1 ? key.replace(/s$/, "") : key), h("dd", {}, count(value))),
    ),
  );
  if (!report.nodes.length) {
    yield h("p", {class: "hint"}, "No node sent anything in this time. Choose another one above.");
  }
  if (report.rounds.length) yield* rounds(report.rounds);
  if (report.nodes.length) yield* nodes(report.nodes);
  if (report.nodes.some(has)) yield* measured(report.nodes.filter(has));
  if (report.commands.length) yield* commands(report.commands);
  if (report.alerts.length) yield* alerts(report.alerts);
}

const has = (node) => node.sensors.length > 0 || node.inputs.length > 0;

/** A heading and its table. Of `heads`, those with a # are numbers and those with a ~ are left out on a phone. */
function table(title, heads, bodies) {
  const cell = (head) => h("th", {scope: "col", class: classOf(head)}, head.replace(/^[#~]+/, ""));
  const row = (cells) =>
    h("tr", {}, ...cells.map((one, place) => toCell(one, classOf(heads[place]), place === 0 && cells.length > 1)));
  return h(
    "section",
    {},
    h("h2", {}, title),
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...heads.map(cell))),
      ...bodies.map(({head, rows}) =>
        h(
          "tbody",
          {},
          head ? h("tr", {}, h("th", {class: "node-row", colspan: heads.length, scope: "rowgroup"}, head)) : null,
          ...rows.map(row),
        ),
      ),
    ),
  );
}

function classOf(head) {
  return [head.includes("#") ? "n" : "", head.includes("~") ? "roomy" : ""].join(" ").trim() || null;
}

function toCell(content, kind, first) {
  const parts = Array.isArray(content) ? content : [content];
  return h(first ? "th" : "td", {class: kind, scope: first ? "row" : null}, ...parts);
}

function* rounds(heads) {
  const rows = heads.map((head) => [
    clock(head.started).slice(0, 5),
    [head.title, head.state === "broken" ? h("small", {}, " broken off") : null],
    head.winners.length
      ? head.winners.map((row) =>
          h("div", {}, `${row.place}. `, h("b", {}, row.name), ` ${figure(row.score)} ${symbol(head.unit)}`),
        )
      : "nobody",
  ]);
  yield table("Rounds", ["Time", "Challenge", "Winners"], [{rows}]);
}

function* nodes(found) {
  const rows = found.map((node) => {
    const short = LOST.filter((key) => node[key]).map((key) => `${count(node[key])} ${key}`);
    const told = node.counted ? short.join(", ") || "complete" : "?";
    return [
      [node.name, node.name === node.id ? null : h("small", {}, ` ${node.id}`)],
      node.groups.join(", "),
      count(node.readings),
      count(node.events),
      minutes(node.online_ms),
      node.asked ? `${node.answered} of ${node.asked}` : MISSING,
      h("span", {"data-bad": node.counted && short.length > 0}, told),
    ];
  });
  yield table("Nodes", ["Node", "~Groups", "#Readings", "#Events", "#~Online", "#~Answered", "Delivery"], [{rows}]);
  yield h(
    "p",
    {class: "hint"},
    "Online: connected in the time above, as far as the dashboard was there to see it. ",
    "Answered: of the commands that the dashboard remembers. Delivery is of everything since the node was switched on. ",
    "Missing: not stored yet, the node may still have it. Dropped: its journal was full. Gone: taken and lost. ",
    "?: a node of an older contract, or older than the account.",
  );
}

/** Whole ones: what is shorter than one is still not nothing. */
function minutes(ms) {
  if (ms === null) return MISSING;
  return ms >= 60_000 || !ms ? `${count(Math.floor(ms / 60_000))} min` : "< 1 min";
}

function* measured(found) {
  const bodies = found.map((node) => ({
    head: node.name,
    rows: [
      ...node.sensors.flatMap(({sensor, fields}) =>
        fields.map(({name, n, low, mean, high, unit}) => {
          const sign = symbol(unit) ? ` ${symbol(unit)}` : "";
          const [least, middle, most] = figures(low, mean, high);
          return [[name, h("small", {}, ` ${sensor}`)], count(n), least, middle, most + sign];
        }),
      ),
      ...node.inputs.map(({input, type, n}) => [[type, h("small", {}, ` ${input}`)], count(n), "", "", ""]),
    ],
  }));
  yield table("Measured and pressed", ["What", "#Count", "#Least", "#Mean", "#Most"], bodies);
  if (found.some((node) => node.sensors.some((sensor) => sensor.coarse))) {
    yield h("p", {class: "hint"}, "Some of it is kept by the hour only: of those sensors whole hours are summed up.");
  }
}

function* commands(calls) {
  const rows = calls.map((call) => [
    clock(call.at).slice(0, 5),
    `${call.name} to ${call.target}`,
    `${call.answered} of ${call.rows.length}`,
    call.rows
      .filter((row) => !OPEN.includes(row.st))
      .map((row) => row.node)
      .join(", ") || MISSING,
  ]);
  yield table("Commands", ["Time", "Command", "#Answered", "Did not"], [{rows}]);
  yield h("p", {class: "hint"}, "The last hundred that were sent from the dashboard since it started.");
}

function* alerts(found) {
  const rows = found.map((alert) => [clock(alert.ts).slice(0, 5), alert.text]);
  yield table("Alerts", ["Time", "What"], [{rows}]);
}

const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

/** Four significant digits of `largest` (default: of it itself) and all before the point, as in the file. */
function figure(value, largest) {
  if (!isNumber(value)) return MISSING;
  const size = Math.abs(largest ?? value);
  const digits = size === 0 ? 0 : Math.max(0, Math.min(6, 3 - Math.floor(Math.log10(size))));
  const least = largest === undefined ? 0 : digits;
  const text = value.toLocaleString("en", {minimumFractionDigits: least, maximumFractionDigits: digits});
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
}

/** Numbers that stand side by side have as many digits after the point: 20.00, 20.94, 22.00. */
function figures(...values) {
  const largest = Math.max(0, ...values.filter(isNumber).map(Math.abs));
  return values.map((value) => figure(value, largest));
}

function day(utc) {
  return new Date(utc).toLocaleDateString("en-GB", {weekday: "long", day: "numeric", month: "long", year: "numeric"});
}

function between(from, to) {
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString();
  return `${clock(from).slice(0, 5)} to ${sameDay ? "" : `${day(to)}, `}${clock(to).slice(0, 5)}`;
}
