// Charts of one sensor over time. uPlot draws when the server has it; without it a small canvas of our own
// does, so the page never needs third-party code. Owns its element and the series it was given.

import {h, patchList, setText} from "./dom.js";
import {drawPlain, HEIGHT, makePlot} from "./plot.js";
import {moment, pointLength, withUnit} from "./units.js";

const STYLES = [
  ["--line-1", []],
  ["--line-2", [8, 4]],
  ["--line-3", [2, 3]],
  ["--line-4", [10, 3, 2, 3]],
];
const LIVE_MS = 60e3; // a chart whose points are longer than this gains nothing from single readings
let uplot = null;

/** Load uPlot once; resolves to its constructor, or null where the file is missing. */
export function loadUplot() {
  uplot ??= new Promise((resolve) => {
    document.head.append(h("link", {rel: "stylesheet", href: "/static/vendor/uplot.css"}));
    const script = h("script", {src: "/static/vendor/uplot.js"});
    script.onload = () => resolve(window.uPlot ?? null);
    script.onerror = () => resolve(null);
    document.head.append(script);
  });
  return uplot;
}

export class Chart {
  /** `fields` is [{name, unit}]; a unit shares an axis. */
  constructor(title, fields, Plot) {
    this.fields = fields.map((field, index) => ({...field, style: STYLES[index % STYLES.length]}));
    this.Plot = Plot;
    this.series = {t: [], v: {}, min: {}, max: {}, bucket_ms: 0, bound: []};
    this.legend = h("ul", {class: "legend"});
    this.span = h("span", {class: "chart-when"});
    this.plot = h("div", {class: "plot", role: "img", "aria-label": `Chart of ${title}`});
    this.hint = h("p", {class: "hint plot-hint", hidden: true}, "No readings in this range.");
    this.note = h("p", {class: "chart-note"}, "\u00a0");
    this.element = h(
      "figure",
      {class: "chart panel", "data-sensor": title},
      h("figcaption", {}, h("h2", {}, title), this.legend, this.span),
      this.plot,
      this.note,
      this.hint,
    );
    this.resizer = new ResizeObserver(() => this.resize());
    this.resizer.observe(this.plot);
  }

  destroy() {
    this.resizer.disconnect();
    this.drawn?.destroy();
  }

  /** Draw a series of the API; times are UTC ms, `from` and `to` are the edges of the range. */
  setSeries(series, from, to, gap) {
    this.series = {...series, t: [...series.t]};
    for (const kind of ["v", "min", "max"]) {
      this.series[kind] = Object.fromEntries(
        this.fields.map(({name}) => [name, [...(series[kind]?.[name] ?? series.t.map(() => null))]]),
      );
    }
    this.gap = gap;
    this.setRange(from, to);
    this.patchNote();
  }

  /** What a point is, and whose times are not exact: one line that is always there, so that nothing jumps. */
  patchNote() {
    const {bucket_ms: bucket, bound} = this.series;
    const what = bucket ? `Points of ${pointLength(bucket)}: average, least to most.` : "Every reading.";
    const shaded = bound?.length ? " Shaded: no later than shown." : "";
    setText(this.note, what + shaded);
    this.plot.dataset.bound = bound?.length ?? 0;
    this.plot.dataset.level = this.series.level ?? "";
  }

  /** Add one live sample; earlier than the newest is left to the next load. */
  append(t, values) {
    if (this.series.bucket_ms >= LIVE_MS) return;
    if (t <= (this.series.t.at(-1) ?? 0)) return;
    this.series.t.push(t);
    for (const {name} of this.fields) {
      (this.series.v[name] ??= []).push(values[name] ?? null);
      (this.series.min[name] ??= []).push(null);
      (this.series.max[name] ??= []).push(null);
    }
  }

  /** The right edge is now; drawn again only when that is a pixel or so. */
  moveTo(now) {
    const whole = this.to - this.from;
    if (whole && now - this.to >= whole / 2000) this.setRange(now - whole, now);
  }

  setRange(from, to) {
    [this.from, this.to] = [from, to];
    const old = this.series.t.findIndex((t) => t >= from - Math.max(5000, this.series.bucket_ms));
    if (old > 0) {
      this.series.t.splice(0, old);
      for (const kind of ["v", "min", "max"]) for (const {name} of this.fields) this.series[kind][name]?.splice(0, old);
    }
    this.hint.hidden = this.series.t.length > 0;
    this.plot.dataset.points = this.series.t.length;
    this.patchLegend(this.series.t.length - 1);
    this.draw();
  }

  patchLegend(index) {
    const make = (field) => {
      const item = h(
        "li",
        {class: `legend-${this.fields.indexOf(field) + 1}`},
        h("span", {class: "swatch"}),
        h("span", {}, field.name),
        h("b", {}),
      );
      item.number = item.lastElementChild;
      return item;
    };
    patchList(
      this.legend,
      this.fields,
      ({name}) => name,
      make,
      (item, {name, unit}) => setText(item.number, withUnit(this.series.v[name]?.[index], unit)),
    );
    const hovered = index >= 0 && index < this.series.t.length - 1;
    setText(this.span, hovered ? moment(this.series.t[index]) : "");
  }

  /** [seconds, value, min, max, value, ...]; a row of nulls wherever the time between samples says data is missing. */
  columns() {
    const {t, v, min, max} = this.series;
    const columns = [[], ...this.fields.flatMap(() => [[], [], []])];
    t.forEach((time, index) => {
      if (index && time - t[index - 1] > this.gap)
        columns.forEach((column, i) => column.push(i ? null : (t[index - 1] + 1) / 1000));
      columns[0].push(time / 1000);
      this.fields.forEach(({name}, i) => {
        columns[3 * i + 1].push(v[name][index]);
        columns[3 * i + 2].push(min[name][index]);
        columns[3 * i + 3].push(max[name][index]);
      });
    });
    return columns;
  }

  draw() {
    const width = this.plot.clientWidth;
    if (!width) return;
    const columns = this.columns();
    if (!this.Plot) return drawPlain(this, columns, width);
    if (!this.drawn) this.drawn = makePlot(this, columns, width);
    this.drawn.batch(() => {
      this.drawn.setData(columns, false);
      this.drawn.setScale("x", {min: this.from / 1000, max: this.to / 1000});
    });
  }

  /** Colours come from the style sheet, so a new theme means a new plot. */
  redraw() {
    this.drawn?.destroy();
    this.drawn = null;
    this.draw();
  }

  resize() {
    if (this.drawn) this.drawn.setSize({width: this.plot.clientWidth, height: HEIGHT});
    else this.draw();
  }

  nearest(plot) {
    const time = plot.cursor.idx == null ? null : plot.data[0][plot.cursor.idx] * 1000;
    const found = time === null ? -1 : this.series.t.findIndex((t) => t >= time - 0.5);
    return found < 0 ? this.series.t.length - 1 : found;
  }
}
