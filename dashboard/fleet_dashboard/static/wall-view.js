// How somebody wants to see the wall: what they filter, sort, show, and how big. Owns the controls and the query of
// the address, where all of it stands, so that a view can be a bookmark; nothing of it is kept anywhere else.

import {quantities, STATE} from "./fields.js";
import {h, setHidden, setText} from "./dom.js";
import {symbol} from "./units.js";

const SIZES = [
  ["", "Auto"],
  ["roomy", "Roomy"],
  ["compact", "Compact"],
  ["dense", "Dense"],
  ["map", "Map"],
];
const SORTS = [
  ["name", "Name"],
  ["state", "State, worst first"],
  ["event", "Newest event"],
  ["high", "Highest value"],
  ["low", "Lowest value"],
];
const KNOWN = {size: SIZES.map(([value]) => value), sort: SORTS.map(([value]) => value)};

export class View {
  /** `changed` is called after every choice. */
  constructor(query, changed) {
    this.changed = changed;
    this.q = query.get("q") ?? "";
    this.group = query.get("group") ?? "";
    this.show = query.get("show") ?? "";
    this.sort = legal("sort", query.get("sort")) || "name";
    this.size = legal("size", query.get("size"));
    this.grouped = query.get("by") === "group";
    this.search = h("input", {
      type: "search",
      placeholder: "Find a node",
      "aria-label": "Find a node by name, id or sensor",
      value: this.q,
      oninput: () => this.choose({q: this.search.value}),
    });
    this.groups = this.select("Show only a group", "group", [["", "All groups"]]);
    this.sorts = this.select("Sort by", "sort", SORTS);
    this.shows = this.select("Value", "show", [["", "Each its own"]]);
    this.sections = h("input", {type: "checkbox", onchange: () => this.choose({grouped: this.sections.checked})});
    this.sections.checked = this.grouped;
    this.sizes = SIZES.map(([value, text]) =>
      h("button", {type: "button", "data-size": value, onclick: () => this.choose({size: value})}, text),
    );
    this.now = h("span", {class: "view-now"});
    this.summary = h("summary", {}, h("span", {}, "View"), this.now);
    this.details = h(
      "details",
      {class: "view", onkeydown: (event) => this.keyed(event)},
      this.summary,
      h(
        "div",
        {class: "view-choices panel"},
        h("div", {class: "tabs", role: "group", "aria-label": "Size"}, ...this.sizes),
        h("label", {}, h("span", {}, "Value"), this.shows),
        h("label", {}, h("span", {}, "Sort by"), this.sorts),
        h("label", {class: "check"}, this.sections, h("span", {}, "In sections by group")),
        h("p", {class: "hint"}, "The address holds this view: bookmark it."),
      ),
    );
    this.shown = h("span", {class: "shown", role: "status"});
    this.element = h("div", {class: "filters"}, this.search, this.groups, this.shown, this.details);
    this.close = (event) => this.details.contains(event.target) || (this.details.open = false);
    this.patch("");
  }

  select(label, key, options) {
    const made = options.map(([value, text]) => h("option", {value}, text));
    const select = h("select", {"aria-label": label, onchange: () => this.choose({[key]: select.value})}, ...made);
    select.value = this[key];
    return select;
  }

  keyed(event) {
    if (event.key !== "Escape" || !this.details.open) return;
    this.details.open = false;
    this.summary.focus();
  }

  choose(choice) {
    Object.assign(this, choice);
    history.replaceState(null, "", this.address());
    this.changed(choice);
  }

  address() {
    const query = this.query();
    return query.size ? `${location.pathname}?${query}` : location.pathname;
  }

  /** Of this page with this view; what else the page has in its query stays. */
  query() {
    const query = new URLSearchParams(location.search);
    const sort = this.sort === "name" ? "" : this.sort;
    const own = {q: this.q, group: this.group, show: this.show, size: this.size, sort, by: this.grouped ? "group" : ""};
    for (const [key, value] of Object.entries(own)) value ? query.set(key, value) : query.delete(key);
    return query;
  }

  /** Where somebody is in these controls, so that they can go on in those of the picture that replaces this one. */
  doing() {
    const {selectionStart, selectionEnd} = this.search;
    return {at: controls(this).indexOf(document.activeElement), open: this.details.open, selectionStart, selectionEnd};
  }

  goOn({at, open, selectionStart, selectionEnd}) {
    this.details.open = open;
    controls(this)[at]?.focus({preventScroll: true});
    if (document.activeElement === this.search) this.search.setSelectionRange(selectionStart, selectionEnd);
  }

  /** Offer what there is: the groups and the quantities of the nodes. A choice stands, also while nobody has it. */
  offer(fleet) {
    const groups = fleet.groups();
    refill(this.groups, this.group, [["", "All groups"], ...groups.map((name) => [name, name])]);
    setHidden(this.groups, !groups.length && !this.group);
    const found = [...quantities(fleet.nodes.values())];
    const named = found.map(([key, {quantity, unit}]) => [key, unit ? `${quantity} ${symbol(unit)}` : quantity]);
    refill(this.shows, this.show, [["", "Each its own"], ...named, [STATE, "State"]]);
  }

  /** `size` is the one in use, whether chosen or automatic. */
  patch(size) {
    for (const button of this.sizes) {
      const value = button.getAttribute("data-size");
      button.setAttribute("aria-pressed", String(value === this.size));
      button.toggleAttribute("data-used", value === size && !this.size);
    }
    const said = [size, this.show.split(",")[0], this.sort === "name" ? "" : `by ${this.sort}`];
    setText(this.now, said.filter(Boolean).join(", "));
  }
}

function controls(view) {
  return [...view.element.querySelectorAll("input, select, button, summary")];
}

function legal(key, value) {
  return KNOWN[key].includes(value) ? value : "";
}

function refill(select, wanted, options) {
  const values = options.map(([value]) => value);
  if (wanted && !values.includes(wanted)) options.push([wanted, `${wanted.split(",")[0]} (none now)`]);
  if ([...select.options].map((option) => option.value).join("\n") !== options.map(([value]) => value).join("\n")) {
    select.replaceChildren(...options.map(([value, text]) => h("option", {value}, text)));
  }
  if (select.value !== wanted) select.value = wanted;
}
