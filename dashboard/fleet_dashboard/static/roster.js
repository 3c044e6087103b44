// The boards of a class as a list that a teacher walks along: name them, group them, see which is which, and forget
// those that are gone. In the order of their ids, so that no row moves away while it is being named.

import {isHere} from "./class-controls.js";
import {glyph, h, patchList, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {heard, saying} from "./rollcall.js";
import {span} from "./units.js";

const SHOWN = 100; // rows at once; typing finds the others
const LONGEST = 32; // characters of a name, by the contract

export class Roster {
  constructor(fleet, desk) {
    this.fleet = fleet;
    this.desk = desk;
    this.selected = new Set();
    this.deeds = new Map(); // node -> the last deed that was its own
    this.makeTools();
    this.rows = h("ul", {class: "roster-rows"});
    this.more = h("p", {class: "hint"});
    this.empty = h("p", {class: "hint"}, "No board has said hello yet. Switch one on, and it is listed here.");
    this.makeDialog();
    this.element = h(
      "section",
      {class: "roster panel", "aria-label": "Names and groups"},
      h("header", {}, h("h2", {}, "Names and groups"), this.search),
      h("p", {class: "hint"}, "Enter sends a name and goes to the next board, which blinks and beeps: walk along and name them."),
      this.tools,
      this.empty,
      this.rows,
      this.more,
      this.dialog,
    );
  }

  makeTools() {
    const find = {type: "search", placeholder: "Find a board", "aria-label": "Find a board", oninput: () => this.patch()};
    this.search = h("input", find);
    this.walk = h("button", {type: "button", onclick: () => this.go(this.shown.find(isHere))}, "Name them one by one");
    this.every = h("input", {type: "checkbox", onchange: () => this.selectAll(this.every.checked)});
    this.number = h("span", {class: "selected-count"});
    this.group = h("input", {
      "aria-label": "Group",
      placeholder: "group, such as red",
      maxlength: 16,
      autocomplete: "off",
      required: true,
    });
    this.into = h("button", {type: "submit"}, "Put into group");
    this.out = h("button", {type: "button", onclick: () => this.regroup(false)}, "Take out");
    this.lost = h("button", {type: "button", class: "quiet forget-all", onclick: () => this.confirm(this.gone())});
    const submit = (event) => {
      event.preventDefault();
      this.regroup(true);
    };
    this.grouping = h("form", {class: "grouping", onsubmit: submit}, this.group, this.into, this.out);
    this.tools = h(
      "div",
      {class: "roster-tools"},
      this.walk,
      h("label", {class: "every"}, this.every, "all"),
      this.number,
      this.grouping,
      this.lost,
    );
  }

  makeDialog() {
    this.question = h("h2", {});
    this.names = h("p", {});
    this.yes = h("button", {type: "button", class: "danger", onclick: () => this.forget()});
    const no = h("button", {type: "button", onclick: () => this.dialog.close()}, "Keep");
    const what = "What they measured stays stored. A board that speaks again is back by itself.";
    this.dialog = h(
      "dialog",
      {class: "confirm panel", "aria-label": "Forget"},
      this.question,
      this.names,
      h("p", {class: "hint"}, what),
      h("div", {class: "confirm-buttons"}, this.yes, no),
    );
  }

  patch() {
    const wanted = this.search.value.trim().toLowerCase();
    const order = (a, b) => a.id.localeCompare(b.id, "en", {numeric: true});
    const all = [...this.fleet.nodes.values()].sort(order);
    for (const id of this.selected) if (!this.fleet.nodes.has(id)) this.selected.delete(id);
    const found = all.filter((node) => `${node.name} ${node.id} ${node.groups}`.toLowerCase().includes(wanted));
    this.shown = found.slice(0, SHOWN);
    patchList(this.rows, this.shown, ({id}) => id, (node) => this.makeRow(node), (row, node) => this.patchRow(row, node));
    setText(this.more, found.length > SHOWN ? `and ${found.length - SHOWN} more: type a part of the name` : "");
    setHidden(this.more, found.length <= SHOWN);
    setHidden(this.empty, Boolean(all.length) || !this.fleet.ready);
    setHidden(this.tools, !all.length);
    this.patchTools();
  }

  patchTools() {
    const gone = this.gone();
    const words = gone.every((node) => node.state === "lost") ? "lost" : "absent";
    setText(this.lost, `Forget ${boards(gone.length, words)}…`);
    setHidden(this.lost, !gone.length);
    this.walk.disabled = !this.shown.some(isHere);
    this.every.checked = this.shown.length > 0 && this.shown.every(({id}) => this.selected.has(id));
    this.every.indeterminate = !this.every.checked && this.selected.size > 0;
    setText(this.number, this.selected.size ? `${this.selected.size} selected` : "");
    setHidden(this.grouping, !this.selected.size);
  }

  /** Those that are not connected and are not just asleep. */
  gone() {
    return this.fleet.sorted().filter((node) => node.state === "lost" || node.state === "offline");
  }

  makeRow({id}) {
    const row = h("li", {"data-node": id});
    const check = h("input", {type: "checkbox", "aria-label": `Select ${id}`, onchange: () => this.select(id, check.checked)});
    const mark = glyph("state-online", "state-glyph");
    const name = this.makeInput(id, "name", {"aria-label": `Name of ${id}`, maxlength: LONGEST});
    const groups = this.makeInput(id, "groups", {"aria-label": `Groups of ${id}`, maxlength: 67, placeholder: "no group"});
    const identify = h("button", {type: "button", onclick: () => this.identify(id)}, "Identify");
    const forget = h("button", {type: "button", onclick: () => this.confirm([this.fleet.nodes.get(id)])}, "Forget…");
    const said = h("span", {class: "said", role: "status"});
    row.parts = {check, mark, name, groups, identify, forget, said};
    const code = h("code", {}, id);
    row.append(check, mark, name, code, groups, identify, forget, said);
    return row;
  }

  makeInput(id, command, props) {
    const input = h("input", {...props, class: `edit-${command}`, autocomplete: "off", spellcheck: "false"});
    input.known = "";
    input.addEventListener("change", () => this.save(id, command, input));
    input.addEventListener("keydown", (event) => {
      if (event.key === "Escape") input.value = input.known;
      if (event.key !== "Enter") return;
      event.preventDefault();
      if (!input.pending) input.sent = null; // once more, also what was refused
      this.save(id, command, input);
      if (command === "name") this.go(this.after(id));
    });
    return input;
  }

  patchRow(row, node) {
    const {check, mark, name, groups, identify, forget, said} = row.parts;
    const here = isHere(node);
    setAttribute(row, "data-state", node.state);
    setGlyph(mark, `state-${node.state}`);
    check.checked = this.selected.has(node.id);
    patchInput(name, node.name || node.id, here);
    patchInput(groups, (node.groups ?? []).join(", "), here);
    setHidden(identify, !here);
    setHidden(forget, here);
    const answer = this.deeds.get(node.id)?.row(node.id);
    const away = here ? "" : `${node.state} for ${span(this.fleet.now() - node.since)}`;
    setAttribute(said, "data-st", answer && here ? (heard(answer) ? "heard" : answer.st) : null);
    setText(said, answer && here ? `${this.deeds.get(node.id).order.name}: ${saying(answer)}` : away);
  }

  select(id, on) {
    if (on) this.selected.add(id);
    else this.selected.delete(id);
    this.patchTools();
  }

  selectAll(on) {
    for (const {id} of this.shown) this.select(id, on);
    this.patch();
  }

  /** Send what was typed, once; a refusal leaves it there to be mended. */
  async save(id, command, input) {
    const value = input.value.trim();
    if (value === input.known || value === input.sent) return;
    if (command === "name" && !value) {
      input.value = input.known;
      return;
    }
    input.sent = value;
    input.pending = true;
    const args = command === "groups" ? {groups: value.replaceAll(" ", "")} : {name: value};
    const row = await this.ask(id, command, args);
    input.pending = false;
    setAttribute(input, "aria-invalid", row && heard(row) ? null : "true");
  }

  async ask(id, command, args) {
    const deed = this.desk.send(id, command, args);
    this.deeds.set(id, this.desk.current);
    return (await deed).row(id);
  }

  identify(id) {
    return this.ask(id, "identify", {});
  }

  /** To this board: it shows itself, and its name waits for what is typed. */
  go(node) {
    const row = node && [...this.rows.children].find((one) => one.dataset.node === node.id);
    if (!row) return;
    row.parts.name.focus();
    row.parts.name.select();
    this.identify(node.id);
  }

  after(id) {
    const at = this.shown.findIndex((node) => node.id === id);
    return this.shown.slice(at + 1).find(isHere);
  }

  async regroup(into) {
    const group = this.group.value.trim().toLowerCase();
    if (!group) return;
    const orders = [];
    for (const id of this.selected) {
      const node = this.fleet.nodes.get(id);
      const others = (node.groups ?? []).filter((one) => one !== group);
      if (isHere(node)) orders.push({node: id, args: {groups: [...others, ...(into ? [group] : [])].join(",")}});
    }
    if (!orders.length) return;
    const done = this.desk.sendEach("groups", orders);
    for (const {node} of orders) this.deeds.set(node, this.desk.current);
    await done;
  }

  /** Ask once. */
  confirm(nodes) {
    this.leaving = nodes;
    const [first] = nodes;
    setText(this.question, nodes.length === 1 ? `Forget ${first.name || first.id}?` : `Forget ${boards(nodes.length, "")}?`);
    const names = nodes.map((node) => node.name || node.id);
    setText(this.names, `${names.slice(0, 12).join(", ")}${names.length > 12 ? " …" : ""}`);
    setHidden(this.names, nodes.length === 1);
    setText(this.yes, nodes.length === 1 ? "Forget it" : `Forget ${boards(nodes.length, "")}`);
    this.dialog.showModal();
  }

  forget() {
    this.dialog.close();
    this.desk.forget(this.leaving);
  }
}

/** What is being typed is left alone; what the node says of itself replaces what it said before. */
function patchInput(input, value, here) {
  input.disabled = !here;
  if (value === input.known) return;
  if (input.value === input.known || input.value.trim() === value || document.activeElement !== input) {
    input.value = value;
    setAttribute(input, "aria-invalid", null);
  }
  input.known = value;
}

function boards(number, word) {
  return `${number} ${word ? `${word} ` : ""}${number === 1 ? "board" : "boards"}`;
}
