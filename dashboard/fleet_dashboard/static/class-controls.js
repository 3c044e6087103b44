// The two switches for the whole class: mute and pause. Both end by themselves; the host knows when, so every browser
// counts down to the same moment, also after a reload.

import {glyph, h, setAttribute, setHidden, setText} from "./dom.js";
import {clock} from "./units.js";

const MINUTES = [1, 5, 15];
const NAMED = 3; // nodes that a sentence names

/** The panel: `desk` sends. */
export class ClassControls {
  constructor(fleet, desk) {
    this.fleet = fleet;
    this.switches = [
      new Switch(fleet, desk, {
        command: "mute",
        icon: "icon-mute",
        title: "Quiet, please",
        what: "No sound, no light, no text. Readings go on.",
        start: "Mute all",
        stop: "Unmute all",
        word: "Muted",
      }),
      new Switch(fleet, desk, {
        command: "pause",
        icon: "icon-pause",
        title: "Attention, please",
        what: "No readings and no button events. Commands go on.",
        start: "Pause all",
        stop: "Resume all",
        word: "Paused",
      }),
    ];
    this.count = h("p", {class: "class-count"});
    this.element = h(
      "section",
      {class: "class-panel", "aria-label": "Class"},
      h("header", {}, h("h2", {}, "Class"), this.count),
      h("div", {class: "switches"}, ...this.switches.map((one) => one.element)),
    );
  }

  patch() {
    const nodes = [...this.fleet.nodes.values()];
    const here = nodes.filter(isHere).length;
    setText(this.count, nodes.length ? `${here} of ${nodes.length} boards are connected` : "no boards yet");
    for (const one of this.switches) one.patch();
  }

  tick() {
    for (const one of this.switches) one.tick();
  }
}

/** Connected, so an answer is to be expected. */
export function isHere(node) {
  return node.state === "online" || node.state === "silent";
}

class Switch {
  constructor(fleet, desk, words) {
    this.fleet = fleet;
    this.desk = desk;
    this.words = words;
    this.minutes = 5;
    this.state = h("p", {class: "switch-state", role: "status"});
    this.clock = h("span", {class: "switch-clock", role: "timer", "aria-label": "left"});
    this.groups = h("p", {class: "switch-groups"});
    this.late = h("button", {type: "button", class: "quiet switch-late", onclick: () => this.reachLate()}, "Pause them too");
    this.left = h("progress", {class: "switch-left", max: 1, value: 0, "aria-hidden": "true"});
    this.choices = MINUTES.map((minutes) =>
      h("button", {type: "button", onclick: () => this.choose(minutes)}, `${minutes} min`),
    );
    this.tabs = h("div", {class: "tabs", role: "group", "aria-label": `${words.start} for`}, ...this.choices);
    this.button = h("button", {type: "button", class: "switch-button", onclick: () => this.toggle()});
    this.element = h(
      "section",
      {class: "switch panel", "data-command": words.command, "aria-label": words.title},
      glyph(words.icon, "switch-icon"),
      h("div", {class: "switch-words"}, h("h3", {}, words.title), this.state, this.groups, this.late),
      this.clock,
      this.tabs,
      this.button,
      this.left,
    );
    this.choose(this.minutes);
  }

  get until() {
    const end = this.fleet.class[this.words.command]?._all ?? 0;
    return end > this.fleet.now() ? end : 0;
  }

  choose(minutes) {
    this.minutes = minutes;
    MINUTES.forEach((one, index) => setAttribute(this.choices[index], "aria-pressed", String(one === minutes)));
  }

  toggle() {
    this.desk.send("_all", this.words.command, {s: this.until ? 0 : this.minutes * 60});
  }

  patch() {
    const {words, until} = this;
    const on = Boolean(until);
    setAttribute(this.element, "data-on", on ? "" : null);
    setText(this.button, on ? words.stop : words.start);
    setText(this.state, on ? `${words.word} until ${clock(until).slice(0, 5)}. It ends by itself.` : words.what);
    setHidden(this.tabs, on);
    setHidden(this.clock, !on);
    setHidden(this.left, !on);
    const awake = on && words.command === "pause" ? this.awake() : [];
    setText(this.groups, [this.alone(), notPaused(awake)].filter(Boolean).join(" "));
    setHidden(this.groups, !this.groups.textContent);
    setHidden(this.late, !awake.length);
    this.tick();
  }

  tick() {
    const {until} = this;
    if (!until) {
      if (this.element.hasAttribute("data-on")) this.patch(); // it has just ended
      return;
    }
    const left = until - this.fleet.now();
    this.longest = Math.max(this.end === until ? this.longest : 0, left);
    this.end = until;
    setText(this.clock, countdown(left));
    this.left.value = left / this.longest;
  }

  /** Groups with an end of their own: "red until 10:42". */
  alone() {
    const ends = Object.entries(this.fleet.class[this.words.command] ?? {});
    const on = ends.filter(([target, end]) => target !== "_all" && end > this.fleet.now());
    if (!on.length) return "";
    return `${this.words.word}: ${on.map(([target, end]) => `${target.slice(1)} until ${clock(end).slice(0, 5)}`).join(", ")}.`;
  }

  /** A node that came later was not told; each says of itself whether it is paused. */
  awake() {
    return this.fleet.sorted().filter((node) => isHere(node) && !node.paused);
  }

  /** For as long as the others. */
  reachLate() {
    const s = Math.max(1, Math.round((this.until - this.fleet.now()) / 1000));
    this.desk.sendEach(this.words.command, this.awake().map(({id}) => ({node: id, args: {s}})));
  }
}

function notPaused(nodes) {
  if (!nodes.length) return "";
  const names = nodes.slice(0, NAMED).map((node) => node.name || node.id);
  return `Not paused: ${names.join(", ")}${nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : ""}.`;
}

/** 271000 -> "4:31" */
function countdown(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
