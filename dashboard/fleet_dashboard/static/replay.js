// A past span played again on the wall itself, so that it looks as it did, under a frame that nobody takes for live.
// Owns the moment that is shown, the controls and a Wall of its own; what comes when is in film.js.

import {ApiError, get} from "./api.js";
import {h, loadStyle, setAttribute, setHidden, setText} from "./dom.js";
import {Film} from "./film.js";
import {describe, shapeOf, who} from "./happening.js";
import {Scrubber} from "./scrubber.js";
import {clock, span} from "./units.js";
import {Wall} from "./wall.js";

await loadStyle("/static/replay.css");

const HOUR = 3600e3;
const SPANS = [
  [HOUR / 4, "15 min"],
  [HOUR / 2, "30 min"],
  [HOUR, "1 hour"],
  [3 * HOUR, "3 hours"],
  [6 * HOUR, "6 hours"],
];
const SPEEDS = [1, 10, 60, 300];
const FRAME_MS = 100;
const SEEK_MS = 150; // a thumb that is dragged asks the server when it rests
const STEP = 10e3;
const LEAD = 5 * 60e3; // "replay from here" shows what led there on the scrubber
const CAPTION_MS = 60e3;
const SETTLED_MS = 3000; // after the first reading, others have come too

/** The wall, but it has no nodes for another reason. Its view stands in the address, as on the wall of now. */
class PastWall extends Wall {
  patchEmpty(all, listed) {
    if (all) {
      super.patchEmpty(all, listed);
      return;
    }
    setHidden(this.empty, false);
    this.empty.kind = "past";
    this.empty.replaceChildren(
      h("h2", {}, "No node at that time"),
      h("p", {}, "Play on, or choose another span: nodes appear with the first thing that is stored of them."),
    );
  }
}

export class ReplayPage {
  constructor(live, query) {
    this.live = live;
    this.speed = SPEEDS[0];
    this.playing = false;
    this.at = Number(query.get("at")) || null;
    this.wanted = {from: Number(query.get("from")) || null, to: Number(query.get("to")) || null};
    this.film = new Film(live, (error) => this.failed(error));
    this.stage = h("div", {class: "replay-wall"});
    this.makeHead();
    this.makeControls();
    this.element = h("div", {class: "replay"}, this.head, this.stage);
    this.onKey = (event) => this.key(event);
  }

  makeHead() {
    this.time = h("time", {class: "replay-time", role: "timer"}, "–");
    this.date = h("span", {class: "replay-date"});
    this.caption = h("p", {class: "replay-caption"});
    this.note = h("p", {class: "replay-note", role: "status", hidden: true});
    this.controls = h("div", {class: "replay-controls"});
    const badge = h("b", {class: "replay-badge"}, "Replay");
    const back = h("a", {class: "replay-live", href: "/"}, "Back to live");
    this.head = h(
      "header",
      {class: "replay-head"},
      h("h1", {class: "unseen"}, "Replay"),
      h("div", {class: "replay-now"}, badge, this.time, this.date, this.caption, back),
      this.controls,
      this.note,
    );
  }

  makeControls() {
    this.toggle = h("button", {type: "button", class: "replay-play send", onclick: () => this.play(!this.playing)}, "Play");
    const jump = (label, title, move) =>
      h("button", {type: "button", "aria-label": title, title, onclick: move}, label);
    const speed = (times) =>
      h("button", {type: "button", "data-speed": times, onclick: () => this.setSpeed(times)}, `${times}×`);
    this.speeds = h("div", {class: "tabs", role: "group", "aria-label": "Speed"}, ...SPEEDS.map(speed));
    this.scrubber = new Scrubber((at, rests) => this.seek(at, rests ? 0 : SEEK_MS));
    this.start = h("input", {type: "datetime-local", step: 1, "aria-label": "Begin at", onchange: () => this.chosen()});
    this.length = h(
      "select",
      {"aria-label": "Length", onchange: () => this.chosen()},
      ...SPANS.map(([ms, name]) => h("option", {value: ms}, name)),
    );
    const last = h("button", {type: "button", onclick: () => this.setSpan(null, null)}, "Last hour");
    const row = h(
      "div",
      {class: "replay-row"},
      this.toggle,
      jump("−10 s", "Back 10 seconds", () => this.seek(this.film.time - STEP)),
      jump("+10 s", "On 10 seconds", () => this.seek(this.film.time + STEP)),
      jump("Previous", "To what happened before", () => this.toMark(-1)),
      jump("Next", "To what happened next", () => this.toMark(1)),
      this.speeds,
      h("span", {class: "replay-span"}, this.start, this.length, last),
    );
    this.controls.append(this.scrubber.element, row);
  }

  show() {
    document.body.dataset.replay = "";
    addEventListener("keydown", this.onKey);
    this.shown = true;
    const {from, to} = this.wanted;
    if (this.at) this.setSpan(this.at - LEAD, this.at - LEAD + HOUR, this.at);
    else this.setSpan(from, to);
  }

  hide() {
    this.shown = false;
    this.play(false);
    delete document.body.dataset.replay;
    removeEventListener("keydown", this.onKey);
    this.wall?.hide();
    this.scrubber.hide();
  }

  /** Twice a second while nothing plays: nothing ages in a picture. */
  tick() {}

  // -- what is chosen ------------------------------------------------------------------------------------------------

  /**
   * Load a span (null: the last hour) and stand at `at`, or at its beginning. Where nobody chose one, the empty time
   * before the first reading is passed over.
   */
  async setSpan(from, to, at = null) {
    const now = this.live.ready ? this.live.now() : Date.now();
    const end = Math.round(Math.min(to ?? now, now));
    const start = Math.round(from ?? end - HOUR);
    this.play(false);
    this.note.hidden = true;
    try {
      const marks = await get(`/api/replay/marks?from=${start}&to=${end}`);
      if (!this.shown) return;
      if (!marks) throw new ApiError("The dashboard takes too long to answer. Choose the span again.");
      this.marks = marks;
    } catch (error) {
      this.failed(error);
      return;
    }
    this.film.setSpan(start, end);
    this.scrubber.setSpan(this.marks);
    this.length.value = String((SPANS.find(([ms]) => ms >= end - start - 1000) ?? SPANS.at(-1))[0]);
    const local = new Date(start - new Date(start).getTimezoneOffset() * 60e3);
    this.start.value = local.toISOString().slice(0, 19);
    this.say();
    const first = this.marks.stored_from;
    const passed = from === null && first !== null && first + SETTLED_MS < end ? first + SETTLED_MS : start;
    await this.seek(Math.max(start, at ?? passed));
  }

  /** Somebody chose a beginning or a length. */
  chosen() {
    const from = new Date(this.start.value).getTime();
    if (Number.isNaN(from)) return;
    this.setSpan(from, from + Number(this.length.value));
  }

  /** What is not there any more, in one sentence. */
  say() {
    const {from, to, stored_from: first, expired_before: expired} = this.marks;
    const told = (utc) => `${new Date(utc).toLocaleDateString("en-GB", {day: "numeric", month: "short"})} ${clock(utc)}`;
    let text = "";
    if (first === null) text = "No reading is stored yet: there is nothing to replay.";
    else if (expired && from < expired) {
      text = `Readings from before ${told(expired)} have expired (FLEET_KEEP_RAW_DAYS), so the replay has none of them.`;
    } else if (to <= first) text = `Nothing is stored from before ${told(first)}: choose a later beginning.`;
    setText(this.note, text);
    setHidden(this.note, !text);
  }

  failed(error) {
    this.play(false);
    setText(this.note, error.message);
    setHidden(this.note, false);
  }

  setSpeed(times) {
    this.speed = times;
    this.film.setSpeed(times);
    this.patch();
  }

  play(playing) {
    if (playing && this.film.ended) this.seek(this.film.from);
    this.playing = playing;
    clearInterval(this.timer);
    if (playing) {
      let before = performance.now();
      this.timer = setInterval(() => {
        const now = performance.now();
        this.film.advance((now - before) * this.speed);
        before = now;
        if (this.film.ended) this.play(false);
        this.wall?.tick();
        this.patch();
      }, FRAME_MS);
    }
    this.patch();
  }

  /** Show the moment `at`, after `wait` ms in which nobody asks for another. */
  async seek(at, wait = 0) {
    const asked = (this.sought = (this.sought ?? 0) + 1);
    this.film.goto(at);
    this.patch();
    if (wait) await new Promise((resolve) => setTimeout(resolve, wait));
    if (asked !== this.sought || !this.shown) return;
    const fleet = await this.film.load();
    if (!fleet || !this.shown) return;
    const doing = this.wall?.view.doing();
    this.wall?.hide();
    this.wall = new PastWall(fleet, new URLSearchParams(location.search));
    this.stage.replaceChildren(this.wall.element);
    this.wall.show();
    if (doing) this.wall.view.goOn(doing);
    this.wall.patch(); // at once: a blank moment between two pictures would flicker
    this.patch();
  }

  toMark(way) {
    const at = this.film.time;
    const times = (this.marks?.happenings ?? []).map(({t}) => t).sort((a, b) => a - b);
    const to = way > 0 ? times.find((t) => t > at + 1) : times.findLast((t) => t < at - 1);
    this.seek(to ?? (way > 0 ? this.film.to : this.film.from));
  }

  key(event) {
    const {target} = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("select, input:not([type='range'])")) return;
    if (event.key === " " && !target.closest("button, a, summary")) this.play(!this.playing);
    else if (event.key === "ArrowLeft") this.seek(this.film.time - STEP * (event.shiftKey ? 6 : 1));
    else if (event.key === "ArrowRight") this.seek(this.film.time + STEP * (event.shiftKey ? 6 : 1));
    else return;
    event.preventDefault();
  }

  // -- what is shown -------------------------------------------------------------------------------------------------

  patch() {
    const at = this.film.time;
    const date = new Date(at);
    setText(this.time, clock(at));
    setAttribute(this.time, "datetime", at ? date.toISOString() : null);
    const day = date.toLocaleDateString("en-GB", {weekday: "short", day: "numeric", month: "short"});
    const now = this.live.ready ? this.live.now() : Date.now();
    setText(this.date, `${day} · ${span(now - at)} ago`);
    setText(this.toggle, this.playing ? "Pause" : "Play");
    setAttribute(this.toggle, "aria-pressed", String(this.playing));
    setAttribute(this.element, "data-waiting", this.film.waiting ? "" : null);
    for (const button of this.speeds.children) {
      setAttribute(button, "aria-pressed", String(Number(button.dataset.speed) === this.speed));
    }
    this.scrubber.patch(at);
    this.patchCaption(at);
    document.title = `REPLAY ${clock(at).slice(0, 5)} – Sensor Fleet`;
  }

  /** What had just happened. */
  patchCaption(at) {
    const row = this.marks?.happenings.find(({t}) => t <= at && at - t < CAPTION_MS);
    if (this.caption.row === row) return;
    this.caption.row = row;
    if (!row) {
      this.caption.replaceChildren();
      return;
    }
    const {word, about} = describe(row, this.marks.guide);
    const name = who(row.node, this.live);
    const said = about ? `${word}: ${about}` : word;
    const parts = [shapeOf(row), h("span", {}, clock(row.t)), name, h("span", {}, said)];
    this.caption.replaceChildren(...parts.filter(Boolean));
  }
}
