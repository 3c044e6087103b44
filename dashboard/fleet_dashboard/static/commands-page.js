// The commands page: the class switches, a command for whom one wants, the roll-call of the last one, and the list of
// boards. Loaded when first wanted, with its own style sheet.

import {ClassControls} from "./class-controls.js";
import {labelOf} from "./command-form.js";
import {Composer} from "./composer.js";
import {Desk, titleOf} from "./desk.js";
import {h, loadStyle, patchList, perFrame, setAttribute, setHidden, setText} from "./dom.js";
import {RollCallView} from "./rollcall.js";
import {Roster} from "./roster.js";
import {clock} from "./units.js";

await loadStyle("/static/commands.css");

let desk = null;

export class CommandsPage {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.desk = desk ??= new Desk(fleet);
    this.controls = new ClassControls(fleet, this.desk);
    this.composer = new Composer(fleet, this.desk, query.get("to") || "_all");
    this.answer = new RollCallView(fleet, () => this.answer.clear());
    this.problem = h("p", {class: "problem", role: "alert", hidden: true});
    this.roster = new Roster(fleet, this.desk);
    this.lines = h("ul", {class: "history-lines"});
    this.none = h("p", {class: "hint"}, "What you send is answered here, by name.");
    this.history = h("section", {class: "history panel", "aria-label": "Sent"}, h("h2", {}, "Sent"), this.none, this.lines);
    this.element = h(
      "div",
      {class: "commands"},
      h("h1", {class: "unseen"}, "Commands"),
      this.controls.element,
      this.composer.element,
      h("div", {class: "answer"}, this.problem, this.answer.element, this.history),
      this.roster.element,
    );
    this.composer.patchForm();
    this.paint = perFrame(() => this.patch());
  }

  show() {
    this.desk.changed = (deed) => this.take(deed);
    this.unsubscribe = this.fleet.subscribe(() => this.isNews() && this.paint());
    if (this.desk.current) this.take(this.desk.current);
    this.patch();
  }

  hide() {
    this.unsubscribe();
    this.desk.changed = () => {};
  }

  tick() {
    this.controls.tick();
    this.paint(); // how long boards are gone
  }

  /** This page depends on who is there, not on their readings. */
  isNews() {
    const nodes = [...this.fleet.nodes.values()];
    const signature = `${this.fleet.ready}${JSON.stringify(this.fleet.class)}${nodes
      .map((node) => `${node.id}${node.name}${node.groups}${node.state}${node.paused}${Object.keys(node.meta?.commands ?? {})}`)
      .join()}`;
    const news = signature !== this.signature;
    this.signature = signature;
    return news;
  }

  /** News of something that was sent. */
  take(deed) {
    if (deed === this.desk.current) {
      const failed = Boolean(deed.problem) && !deed.order.orders;
      setText(this.problem, failed ? deed.problem : "");
      setHidden(this.problem, !failed);
      if (failed) this.answer.clear();
      else if (this.shown === deed) this.answer.patch(deed.rollcall());
      else this.answer.open(deed.rollcall());
      this.shown = failed ? null : deed;
    }
    this.paint();
  }

  patch() {
    this.controls.patch();
    this.composer.patch();
    this.roster.patch();
    this.patchHistory();
  }

  patchHistory() {
    const {history} = this.desk;
    const make = (line) => {
      const parts = {what: h("b", {}), when: h("time", {}), said: h("span", {})};
      const again = h("button", {type: "button", class: "quiet", onclick: () => this.desk.again(line)}, "Again");
      const item = h("li", {}, parts.what, parts.when, parts.said, line.name === "forget" ? null : again);
      item.parts = parts;
      return item;
    };
    patchList(this.lines, history, ({at, name}) => `${at} ${name}`, make, (item, line) => {
      setText(item.parts.what, this.inWords(line));
      setText(item.parts.when, clock(line.at));
      setText(item.parts.said, line.said);
      setAttribute(item, "data-problem", /refused|silent|no connection/.test(line.said) ? "" : null);
    });
    setHidden(this.none, Boolean(history.length));
  }

  /** "buzz to everyone: ms 300". */
  inWords(line) {
    const {target, args, orders} = line;
    const [order] = orders ?? [];
    const one = target ?? (orders?.length === 1 ? order.node : null);
    const name = this.fleet.nodes.get(one)?.name || one;
    const whom = one === "_all" ? " to everyone" : one?.[0] === "_" ? ` to group ${one.slice(1)}` : one ? ` to ${name}` : "";
    const given = Object.entries(args ?? {}).map(([key, value]) => `${labelOf(key)} ${value}`);
    return `${titleOf(line)}${whom}${given.length ? `: ${given.join(", ")}` : ""}`;
  }
}
