// The way through a past span: a slider over a picture of what happened when. Owns the slider and the pixels.

import {h, setAttribute} from "./dom.js";
import {sharpContext} from "./spark.js";
import {describe} from "./happening.js";
import {axisTime, clock} from "./units.js";

const STEP_MS = 1000;
const TONES = {good: "--online", bad: "--lost", warn: "--silent", rest: "--text-3", accent: "--accent"};
const TICKS = 4;

export class Scrubber {
  /** `moved(at, rests)`: somebody wants to see `at`; `rests` is false while the thumb is dragged. */
  constructor(moved) {
    this.slider = h("input", {
      type: "range",
      class: "scrub-slider",
      min: 0,
      max: 1,
      step: STEP_MS,
      "aria-label": "Moment",
      oninput: () => moved(Number(this.slider.value), false),
      onchange: () => moved(Number(this.slider.value), true),
    });
    this.canvas = h("canvas", {class: "scrub-marks", "aria-hidden": "true"});
    this.ticks = h("div", {class: "scrub-ticks", "aria-hidden": "true"});
    this.element = h("div", {class: "scrub"}, this.canvas, this.slider, this.ticks);
    this.redraw = () => this.draw();
    this.resizer = new ResizeObserver(this.redraw);
    this.resizer.observe(this.canvas);
    addEventListener("themechange", this.redraw);
  }

  hide() {
    this.resizer.disconnect();
    removeEventListener("themechange", this.redraw);
  }

  setSpan(marks) {
    this.marks = marks;
    const {from, to} = marks;
    setAttribute(this.slider, "min", String(from));
    setAttribute(this.slider, "max", String(to));
    const times = Array.from({length: TICKS + 1}, (_, place) => from + ((to - from) * place) / TICKS);
    this.ticks.replaceChildren(...times.map((t) => h("span", {}, axisTime(t, to - from))));
    this.draw();
  }

  patch(at) {
    if (Number(this.slider.value) !== at) this.slider.value = at;
    setAttribute(this.slider, "aria-valuetext", clock(at));
  }

  /** Below, how many events when; above, a mark for everything that happened: round for good, pointed for bad. */
  draw() {
    const {canvas, marks} = this;
    const {clientWidth: width, clientHeight: height} = canvas;
    if (!marks || !width || !height) return;
    const context = sharpContext(canvas, width, height);
    const style = getComputedStyle(canvas);
    const x = (t) => ((t - marks.from) / (marks.to - marks.from)) * width;
    const most = Math.max(1, ...marks.events.map(([, count]) => count));
    context.fillStyle = style.getPropertyValue("--accent");
    context.globalAlpha = 0.55;
    for (const [t, count] of marks.events) {
      const tall = Math.max(3, (count / most) * (height - 16));
      context.fillRect(x(t), height - tall, Math.max(2, x(marks.from + marks.width) - 1), tall);
    }
    context.globalAlpha = 1;
    for (const row of [...marks.happenings].reverse()) {
      const {tone} = describe(row);
      context.fillStyle = style.getPropertyValue(TONES[tone]);
      mark(context, x(row.t), 7, tone);
    }
  }
}

function mark(context, x, y, tone) {
  context.beginPath();
  if (tone === "bad") {
    context.moveTo(x, y - 6);
    context.lineTo(x + 6, y + 5);
    context.lineTo(x - 6, y + 5);
  } else if (tone === "warn") {
    context.moveTo(x, y - 6);
    context.lineTo(x + 6, y);
    context.lineTo(x, y + 6);
    context.lineTo(x - 6, y);
  } else context.arc(x, y, tone === "rest" ? 3 : 4.5, 0, 7);
  context.fill();
}
