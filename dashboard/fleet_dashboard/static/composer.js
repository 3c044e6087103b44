// Whom, what, with which arguments: a command for everyone, a group or one node.

import {isHere} from "./class-controls.js";
import {knownCommands, makeField, readArgs} from "./command-form.js";
import {h, patchList, setAttribute, setHidden, setText} from "./dom.js";

const SHOWN = 40; // nodes to choose from at once; typing finds the others

/** `desk` sends; `onchange` is called with the target. */
export class Composer {
  constructor(fleet, desk, target) {
    this.fleet = fleet;
    this.desk = desk;
    this.target = target;
    this.chosen = null;
    this.search = h("input", {
      type: "search",
      placeholder: "Find a group or a node",
      "aria-label": "Find a group or a node",
      oninput: () => this.patch(),
    });
    this.targets = h("div", {class: "targets", role: "group", "aria-label": "To whom"});
    this.more = h("p", {class: "hint"});
    this.asked = h("p", {class: "asked", role: "status"});
    this.buttons = h("div", {class: "command-choices", role: "group", "aria-label": "Command"});
    this.none = h("p", {class: "hint"}, "No node here has said which commands it knows.");
    this.form = h("form", {class: "command-form", onsubmit: (event) => this.submit(event)});
    this.element = h(
      "section",
      {class: "composer panel", "aria-label": "Send a command"},
      h("header", {}, h("h2", {}, "Send a command"), this.search),
      this.targets,
      this.more,
      this.asked,
      this.buttons,
      this.none,
      this.form,
    );
  }

  setTarget(target) {
    this.target = target;
    const query = target === "_all" ? "" : `?to=${encodeURIComponent(target)}`;
    history.replaceState(null, "", `/commands${query}`);
    if (!this.known().some(({name}) => name === this.chosen)) this.chosen = null;
    this.patchForm();
    this.patch();
  }

  known() {
    return knownCommands(this.fleet.addressed(this.target).filter((node) => node.meta));
  }

  patch() {
    this.patchTargets();
    const addressed = this.fleet.addressed(this.target);
    const here = addressed.filter(isHere);
    setText(this.asked, audience(this.target, addressed, here));
    const known = this.known();
    const of = addressed.filter((node) => node.meta).length;
    const make = ({name}) =>
      h("button", {type: "button", "data-command": name, onclick: () => this.choose(name)}, h("b", {}), h("small", {}));
    patchList(this.buttons, known, ({name}) => name, make, (button, {name, count}) => {
      setText(button.firstElementChild, name);
      setText(button.lastElementChild, count < of ? `${count} of ${of} know it` : "");
      setHidden(button.lastElementChild, count === of);
      setAttribute(button, "aria-pressed", String(name === this.chosen));
    });
    setHidden(this.none, Boolean(known.length) || !this.fleet.ready);
    if (this.send) setText(this.send, this.label());
  }

  patchTargets() {
    const wanted = this.search.value.trim().toLowerCase();
    const {fleet} = this;
    const nodes = fleet.sorted();
    const groups = fleet.groups().map((group) => [`_${group}`, `group ${group}`, fleet.addressed(`_${group}`)]);
    const found = nodes.filter((node) => `${node.name} ${node.id} ${node.groups}`.toLowerCase().includes(wanted));
    const options = [
      ["_all", "everyone", nodes],
      ...groups.filter(([target, text]) => target === this.target || text.includes(wanted)),
      ...found.slice(0, SHOWN).map((node) => [node.id, node.name || node.id, [node]]),
    ];
    // What is chosen stays in sight, also a node that is not known (yet).
    if (!options.some(([target]) => target === this.target)) {
      const node = fleet.nodes.get(this.target);
      options.push([this.target, node?.name || this.target.replace(/^_/, "group "), node ? [node] : []]);
    }
    const make = ([target]) =>
      h("button", {type: "button", "data-target": target, onclick: () => this.setTarget(target)}, h("b", {}), h("small", {}));
    patchList(this.targets, options, ([target]) => target, make, (button, [target, text, members]) => {
      const single = target[0] !== "_";
      const [node] = members;
      setText(button.firstElementChild, text);
      const state = node && !isHere(node) ? node.state : text.toLowerCase() === target ? "" : target;
      setText(button.lastElementChild, single ? state : String(members.length));
      setAttribute(button, "aria-pressed", String(target === this.target));
      setAttribute(button, "data-away", single && node && !isHere(node) ? "" : null);
    });
    const hidden = Math.max(0, found.length - SHOWN);
    setText(this.more, hidden ? `and ${hidden} more: type a part of the name` : "");
    setHidden(this.more, !hidden);
  }

  choose(name) {
    this.chosen = this.chosen === name ? null : name;
    this.patchForm();
    this.patch();
    (this.form.querySelector("input") ?? this.send)?.focus();
  }

  patchForm() {
    const known = this.known().find(({name}) => name === this.chosen);
    this.spec = known?.spec ?? [];
    this.send = known
      ? h("button", {type: "submit", class: known.name === "reset" ? "send danger" : "send"}, this.label())
      : null;
    this.form.replaceChildren(...this.spec.map((argument) => makeField(argument, "page")), ...(this.send ? [this.send] : []));
    setHidden(this.form, !known);
  }

  label() {
    const {target} = this;
    const node = this.fleet.nodes.get(target);
    const whom = target === "_all" ? "everyone" : target[0] === "_" ? `group ${target.slice(1)}` : node?.name || target;
    return `Send ${this.chosen} to ${whom}`;
  }

  submit(event) {
    event.preventDefault();
    this.desk.send(this.target, this.chosen, readArgs(this.form, this.spec));
  }
}

/** "12 of 13 will be asked; not connected: Dee". */
function audience(target, addressed, here) {
  const away = addressed.filter((node) => !isHere(node)).map((node) => node.name || node.id);
  if (!addressed.length) return target === "_all" ? "No node has said hello yet." : "No such node here; sent all the same.";
  if (target[0] !== "_") return here.length ? "One node will be asked." : `${away[0]} is not connected and will not answer.`;
  const names = away.length ? `; not connected: ${away.slice(0, 5).join(", ")}${away.length > 5 ? ` and ${away.length - 5} more` : ""}` : "";
  return `${here.length} of ${addressed.length} will be asked${names}.`;
}
