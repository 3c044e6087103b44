// The command dock: whom, what, with which arguments; the roll-call is the answer.

import {post} from "./api.js";
import {begun, knownCommands, makeField, readArgs} from "./command-form.js";
import {h, patchList, perFrame, setAttribute, setHidden, setText} from "./dom.js";
import {RollCallView} from "./rollcall.js";

export class Dock {
  constructor(fleet, element) {
    this.fleet = fleet;
    this.element = element;
    this.target = "_all";
    this.chosen = null;
    this.sent = null;
    this.targets = h("select", {id: "target", onchange: () => this.setTarget(this.targets.value)});
    this.buttons = h("div", {class: "command-buttons", role: "group", "aria-label": "Command"});
    this.form = h("form", {class: "command-form", hidden: true, onsubmit: (event) => this.submit(event)});
    this.problem = h("p", {class: "problem", role: "alert", hidden: true});
    this.answer = new RollCallView(fleet, () => this.dismiss());
    element.replaceChildren(
      this.answer.element,
      this.problem,
      this.form,
      h("div", {class: "dock-row"}, h("label", {for: "target"}, "Tell"), this.targets, this.buttons),
    );
    element.addEventListener("keydown", (event) => event.key === "Escape" && this.dismiss());
    this.paint = perFrame(() => this.patch());
    fleet.subscribe((change) => this.take(change));
  }

  /** Aim at `_all`, `_<group>` or a node; the buttons become what that target understands. */
  setTarget(target) {
    if (target !== this.target) this.dismiss();
    this.target = target;
    this.paint();
  }

  show(visible) {
    setHidden(this.element, !visible);
    this.paint();
  }

  take(change) {
    if (change.rollcall && change.rollcall.id === this.sent) this.answer.patch(change.rollcall);
    // The dock depends on who is there and what they understand, not on their readings.
    const signature = [...this.fleet.nodes.values()]
      .map((node) => `${node.id}${node.name}${node.groups}${Object.keys(node.meta?.commands ?? {})}`)
      .join();
    if (signature !== this.signature) this.paint();
    this.signature = signature;
  }

  patch() {
    const options = [
      ["_all", `everyone (${this.fleet.nodes.size})`],
      ...this.fleet.groups().map((group) => [`_${group}`, `group ${group}`]),
      ...this.fleet
        .sorted()
        .map((node) => [node.id, node.name && node.name !== node.id ? `${node.name} (${node.id})` : node.id]),
    ];
    // Never fall back to everyone: a page that opens before its node is known still means that node.
    if (!options.some(([value]) => value === this.target))
      options.push([this.target, this.target.replace(/^_/, "group ")]);
    patchList(
      this.targets,
      options,
      ([value]) => value,
      ([value]) => h("option", {value}),
      (option, [, text]) => setText(option, text),
    );
    this.targets.value = this.target;
    const known = this.known();
    const make = ({name}) =>
      h("button", {type: "button", "data-command": name, onclick: () => this.choose(name)}, name);
    const mark = (button, {name}) => setAttribute(button, "aria-pressed", String(name === this.chosen));
    patchList(this.buttons, known, ({name}) => name, make, mark);
    setAttribute(this.buttons, "data-none", known.length ? null : "no node here has said which commands it knows");
  }

  known() {
    return knownCommands(this.fleet.addressed(this.target));
  }

  choose(name) {
    if (this.chosen === name) return this.dismiss();
    this.dismiss();
    this.chosen = name;
    this.spec = this.known().find((known) => known.name === name)?.spec ?? [];
    const who = this.target === "_all" ? "everyone" : (this.targets.selectedOptions[0]?.textContent ?? this.target);
    const send = h(
      "button",
      {type: "submit", class: name === "reset" ? "send danger" : "send"},
      `Send ${name} to ${who}`,
    );
    this.form.replaceChildren(...this.spec.map((argument) => makeField(argument, "arg")), send);
    setHidden(this.form, false);
    (this.form.querySelector("input:invalid") ?? send).focus();
    this.paint();
  }

  dismiss() {
    this.chosen = null;
    this.sent = null;
    setHidden(this.form, true);
    setHidden(this.problem, true);
    this.answer.clear();
    this.paint();
  }

  async submit(event) {
    event.preventDefault();
    const [target, name] = [this.target, this.chosen];
    const args = readArgs(this.form, this.spec);
    setHidden(this.problem, true);
    this.form.inert = true; // what was typed stays until it is sent: somebody may have to log in first
    try {
      const accepted = await post("/api/commands", {target, name, args});
      this.dismiss();
      this.sent = accepted.id;
      this.answer.open(this.fleet.rollcalls.get(accepted.id) ?? begun(accepted, target, name, args));
    } catch (error) {
      setText(this.problem, error.message);
      setHidden(this.problem, false);
    } finally {
      this.form.inert = false;
    }
  }
}
