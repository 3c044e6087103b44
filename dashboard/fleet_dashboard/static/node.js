// The page of one node: state with its reason, values, a chart per sensor, health, counts, events, logs,
// commands and the raw topic. Owns its element, its charts and the chosen range.

import {get} from "./api.js";
import {Chart, loadUplot} from "./chart.js";
import {patchDeliveries} from "./delivery.js";
import {h, patchList, perFrame, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {ago, count, fieldOf, inOrder, moment, number, reason, roundTrip, shortfall, span, symbol} from "./units.js";

const RANGES = {
  "1m": ["1 min", 60e3],
  "10m": ["10 min", 600e3],
  "1h": ["1 h", 3600e3],
  "6h": ["6 h", 6 * 3600e3],
  "1d": ["Day", 86400e3],
  "7d": ["Week", 7 * 86400e3],
  "30d": ["Month", 30 * 86400e3],
  "365d": ["Year", 365 * 86400e3],
};
const YOUNG_MS = 300e3; // a node that came just now is looked at in the shortest range
const LISTS = ["commands", "events", "health", "counts", "logs"];
const LISTS_MS = 5000; // events, logs and commands are asked for again this often
const RELOAD_MS = [15e3, 300e3]; // so is a range that the host sums up: more seldom, the longer its points are
const HEALTH = {
  mem: ["free memory", (bytes) => `${count(bytes / 1024)} kB`],
  lag: ["worst loop lag", (ms) => `${ms} ms`],
  reconn: ["reconnects", count],
  spool: ["waiting to be stored", count],
  drops: ["dropped", count],
  errors: ["sensor errors", count],
  bad: ["bad commands", count],
  rssi: ["signal", (dbm) => `${dbm} dBm`],
};
const COUNTS = {
  received: "received",
  missing: "missing",
  gone: "gone for good",
  dropped: "dropped by a full journal",
  duplicates: "duplicates",
  bad: "broken rules",
  flooded: "turned away, too many",
};

const FILES = {".take-csv": "readings.csv", ".take-events": "events.csv"};

export class NodePage {
  constructor(fleet, id, query) {
    this.fleet = fleet;
    this.id = id;
    this.range = RANGES[query.get("range")] ? query.get("range") : null;
    this.charts = new Map();
    this.listedAt = 0;
    this.detail = {events: [], logs: [], commands: [], delivery: []};
    this.build();
    this.paint = perFrame(() => this.patch());
    this.recolour = () => this.charts.forEach((chart) => chart.redraw());
  }

  build() {
    this.element = document.getElementById("node-page").content.firstElementChild.cloneNode(true);
    const find = (selector) => this.element.querySelector(selector);
    this.missing = find(".empty");
    this.body = find(".node-body");
    this.values = find(".values");
    this.plots = find(".charts");
    this.ranges = find(".tabs");
    this.raw = find(".raw");
    this.copy = find(".quiet");
    this.head = {glyph: find(".state-glyph"), name: find("h1"), id: find("code"), state: find(".node-state")};
    Object.assign(this.head, {why: find(".node-why"), short: find(".node-short"), facts: find(".facts")});
    this.deliveries = find(".deliveries");
    this.lists = Object.fromEntries(LISTS.map((name) => [name, find(`.rows-${name}`)]));
    setText(find(".missing-id"), this.id);
    for (const [selector, file] of Object.entries(FILES)) {
      const link = find(selector);
      link.addEventListener("click", () => (link.href = this.file(file))); // the range moves on: as it is at the click
      link.href = this.file(file);
    }
    this.copy.addEventListener("click", () => this.copyLine());
    for (const [key, [text]] of Object.entries(RANGES)) {
      const choose = () => this.choose(key);
      this.ranges.append(h("button", {type: "button", "data-range": key, onclick: choose}, text));
    }
  }

  file(name) {
    const from = Math.floor(this.fleet.now() - (RANGES[this.range]?.[1] ?? 0));
    return `/api/export/${name}?${new URLSearchParams({node: this.id, from})}`;
  }

  async show() {
    this.unsubscribe = this.fleet.subscribe((change) => this.take(change));
    addEventListener("themechange", this.recolour);
    this.shown = true;
    this.paint();
    this.Plot = await loadUplot();
    if (!this.shown) return;
    this.plotReady = true;
    this.paint();
  }

  hide() {
    this.shown = false;
    this.unsubscribe();
    removeEventListener("themechange", this.recolour);
    for (const chart of this.charts.values()) chart.destroy();
  }

  take(change) {
    if (change.all || change.nodes.has(this.id)) {
      const node = this.fleet.nodes.get(this.id);
      for (const [sensor, chart] of this.charts)
        if (node?.v[sensor] && node.t[sensor]) chart.append(node.t[sensor], node.v[sensor]);
      this.paint();
    }
    if (change.all && this.charts.size) this.loadAll(); // after a reconnect the tail has a hole
    const news = change.events.filter((event) => event.node === this.id);
    if (news.length) this.detail.events = [...news].reverse().concat(this.detail.events).slice(0, 50);
    if (change.rollcall?.done && change.rollcall.rows.some((row) => row.node === this.id)) this.loadLists();
  }

  patch() {
    const node = this.fleet.nodes.get(this.id);
    setHidden(this.missing, Boolean(node) || !this.fleet.ready);
    setHidden(this.body, !node);
    if (!node) return;
    this.range ??= this.fleet.now() - node.since < YOUNG_MS ? "1m" : "10m";
    this.patchHead(node);
    this.patchValues(node);
    this.patchLists(node);
    if (this.plotReady) this.patchCharts(node);
    this.tick();
  }

  patchHead(node) {
    document.title = `${node.name || node.id} · Sensor Fleet`;
    const {head} = this;
    setAttribute(this.element, "data-state", node.state);
    setGlyph(head.glyph, `state-${node.state}`);
    setText(head.name, node.name || node.id);
    setText(head.id, node.id);
    setText(head.state, node.state);
    const short = shortfall(node.counts).join(", ");
    setText(head.short, `· ${short}`);
    setHidden(head.short, !short);
    const {fw, app} = node.meta ?? {};
    const facts = [
      node.groups?.length ? `group ${node.groups.join(", ")}` : "",
      node.board,
      fw ? `MicroPython ${fw}` : "",
      node.app || app ? `app ${node.app || app}` : "",
      node.period ? `every ${span(node.period)}` : "",
      node.boot ? `boot ${node.boot}` : "",
    ];
    setText(head.facts, facts.filter(Boolean).join("  ·  "));
  }

  patchValues(node) {
    const make = ([sensor]) => {
      const fields = h("ul", {});
      const item = h("li", {class: "panel"}, h("h2", {}, sensor), fields);
      item.fields = fields;
      return item;
    };
    patchList(
      this.values,
      inOrder(node.v),
      ([sensor]) => sensor,
      make,
      (item, [sensor, fields]) => {
        patchList(
          item.fields,
          inOrder(fields),
          ([field]) => field,
          makeValue,
          (element, [field, value]) => {
            const [unit] = fieldOf(node, sensor, field);
            setText(element.parts[0], number(value, unit));
            setText(element.parts[1], value == null ? "no reading" : symbol(unit));
            setAttribute(element, "data-missing", value == null ? "" : null);
          },
        );
      },
    );
  }

  patchCharts(node) {
    for (const [sensor, fields] of inOrder(node.meta?.sensors ?? node.v)) {
      if (this.charts.has(sensor)) continue;
      const chart = new Chart(
        sensor,
        inOrder(fields).map(([name]) => ({name, unit: fieldOf(node, sensor, name)[0]})),
        this.Plot,
      );
      this.charts.set(sensor, chart);
      this.plots.append(chart.element);
      this.load(sensor, chart);
    }
    for (const button of this.ranges.children)
      setAttribute(button, "aria-pressed", String(button.dataset.range === this.range));
  }

  choose(range) {
    this.range = range;
    history.replaceState(null, "", `?range=${range}`);
    this.loadAll();
    this.paint();
  }

  loadAll() {
    for (const [sensor, chart] of this.charts) this.load(sensor, chart);
  }

  async load(sensor, chart) {
    const range = this.range;
    const to = this.fleet.now();
    const from = to - RANGES[range][1];
    this.loadedAt = to;
    try {
      const query = new URLSearchParams({sensor, from: Math.floor(from), to: Math.ceil(to), points: 600});
      const series = await get(`/api/nodes/${encodeURIComponent(this.id)}/series?${query}`);
      if (!this.shown || range !== this.range) return;
      const period = this.fleet.nodes.get(this.id)?.period || 2000;
      this.bucket = series.bucket_ms;
      chart.setSeries(series, from, to, Math.max(1.5 * series.bucket_ms, 3 * period + 1000));
      setText(chart.hint, "No readings in this range.");
    } catch (error) {
      setText(chart.hint, error.message);
      chart.hint.hidden = false;
    }
  }

  async loadLists() {
    this.listedAt = this.fleet.now();
    try {
      this.detail = await get(`/api/nodes/${encodeURIComponent(this.id)}`);
    } catch {
      return; // the strip at the top says so
    }
    this.paint();
  }

  patchLists(node) {
    const health = Object.entries(HEALTH)
      .filter(([key]) => typeof node.health?.[key] === "number")
      .map(([key, [text, show]]) => [text, show(node.health[key])]);
    const delay = typeof node.lag_ms === "number" ? [["sample to host", roundTrip(node.lag_ms)]] : [];
    const counts = Object.entries(COUNTS).map(([key, text]) => [text, count(node.counts?.[key] ?? 0)]);
    patchDeliveries(this.deliveries, this.detail.delivery ?? [], node);
    fill(this.lists.health, health, "Comes once a minute.");
    fill(this.lists.counts, [...counts, ...delay], "");
    fill(
      this.lists.events,
      this.detail.events.slice(0, 8).map((event) => [`${event.input} ${event.type}`, moment(event.t)]),
      "Press a button on the node.",
    );
    fill(
      this.lists.commands,
      this.detail.commands.slice(0, 8).map((row) => [row.name ?? row.cmd, answer(row)]),
      "Send one below.",
    );
    fill(
      this.lists.logs,
      this.detail.logs
        .slice(0, 8)
        .map((log) => [log.tb ? `${log.msg}\n${log.tb}` : log.msg, `${log.level} ${moment(log.t)}`]),
      "Nothing logged.",
    );
    const {hostname, port} = new URL(
      (this.fleet.broker.url_public || "mqtt://127.0.0.1:1883").replace(/^mqtts?:/, "http:"),
    );
    setText(this.raw, `mosquitto_sub -h ${hostname} -p ${port || 1883} -v -t '${this.fleet.base}/1/${this.id}/#'`);
  }

  async copyLine() {
    try {
      await navigator.clipboard.writeText(this.raw.textContent);
      setText(this.copy, "Copied");
    } catch {
      getSelection().selectAllChildren(this.raw); // no clipboard over plain http from another host
      setText(this.copy, "Press Ctrl-C");
    }
    setTimeout(() => setText(this.copy, "Copy"), 2000);
  }

  /** Twice a second: ages, the moving edge of the charts, what has to be asked for again. */
  tick() {
    const node = this.fleet.nodes.get(this.id);
    if (!node) return;
    const now = this.fleet.now();
    const length = node.since ? `for ${span(now - node.since)}` : "";
    const heard = node.last ? `last heard ${ago(now - node.last)}` : "";
    setText(this.head.why, [length, reason(node), heard].filter(Boolean).join(" · "));
    for (const chart of this.charts.values()) chart.moveTo(now);
    const seldom = Math.min(Math.max(this.bucket / 2 || 0, RELOAD_MS[0]), RELOAD_MS[1]);
    if (this.loadedAt && RANGES[this.range][1] > 600e3 && now - this.loadedAt > seldom) this.loadAll();
    if (now - this.listedAt > LISTS_MS) this.loadLists();
  }
}

function makeValue([field]) {
  const parts = [h("span", {class: "value"}), h("span", {class: "unit"})];
  const element = h("li", {}, h("p", {class: "headline"}, ...parts), h("span", {class: "value-name"}, field));
  element.parts = parts;
  return element;
}

function fill(list, rows, hint) {
  if (!rows.length)
    return patchList(
      list,
      hint ? [hint] : [],
      (text) => text,
      (text) => h("li", {class: "hint"}, text),
    );
  const numbered = rows.map(([name, value], index) => ({name, value, index}));
  const make = () => h("li", {}, h("span", {}), h("b", {}));
  patchList(
    list,
    numbered,
    ({index}) => index,
    make,
    (item, {name, value}) => {
      setText(item.firstElementChild, name);
      setText(item.lastElementChild, value);
    },
  );
}

function answer(row) {
  const said = typeof row.ms === "number" ? `${row.st} in ${roundTrip(row.ms)}` : row.st;
  return row.err ? `${said}: ${row.err}` : said;
}
