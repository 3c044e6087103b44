// The heat map: one cell for each node on one canvas, coloured by a quantity or by state, with a legend that counts.
// To a keyboard and a screen reader it is a list box: the one link that lies over the canvas is the cell that is
// pointed at or that the arrow keys chose. Owns its canvas; which nodes, and in which order, the wall says.

import {cellAt, drawCell, layout, neighbour} from "./cells.js";
import {glyph, h, patchList, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {commonest, headline, STATE} from "./fields.js";
import {Range, shades} from "./heat.js";
import {sharpContext} from "./spark.js";
import {number, symbol, withUnit} from "./units.js";

const STATES = ["online", "silent", "sleeping", "offline", "lost"];
const LIT_MS = 600;
const LEAST_ROOM = 240;

export class HeatMap {
  constructor(fleet) {
    this.fleet = fleet;
    this.range = new Range();
    this.show = "";
    this.sections = [];
    this.nodes = [];
    this.placed = {cells: [], titles: [], height: 1};
    this.places = new Map();
    this.lit = new Map(); // id -> page clock until which its cell has a frame
    this.at = -1; // index of the cell that is chosen or pointed at
    this.width = 0;
    this.canvas = h("canvas", {class: "map-canvas", "aria-hidden": "true"});
    this.cell = h("a", {class: "map-cell", role: "option", "aria-selected": "true", tabindex: "-1", hidden: true});
    this.lens = makeLens();
    this.box = h(
      "div",
      {
        class: "map",
        role: "listbox",
        tabindex: "0",
        onkeydown: (event) => this.keyed(event),
        onpointermove: (event) => this.pointed(event),
        onpointerleave: () => document.activeElement !== this.box && this.choose(-1),
        onfocus: () => this.at < 0 && this.box.matches(":focus-visible") && this.choose(0),
        onblur: () => this.choose(-1),
      },
      this.canvas,
      this.cell,
      this.lens,
    );
    this.what = h("b", {});
    this.bounds = [0, 1, 2].map(() => h("span", {}));
    this.scale = h("div", {class: "scale"}, h("div", {class: "scale-bar"}), h("div", {class: "scale-bounds"}, ...this.bounds));
    this.counts = h("ul", {class: "map-states", "aria-label": "States"});
    this.legend = h("div", {class: "map-legend"}, this.what, this.scale, this.counts);
    this.element = h("div", {class: "map-view", hidden: true}, this.legend, this.box);
    this.resizer = new ResizeObserver(([{contentRect}]) => this.resized(contentRect.width));
    this.themed = () => this.restyle();
  }

  open() {
    this.resizer.observe(this.box);
    addEventListener("themechange", this.themed);
  }

  close() {
    this.resizer.disconnect();
    removeEventListener("themechange", this.themed);
  }

  /** Show these sections; `show` is the key of a quantity, "state", or "" for what most nodes have. */
  arrange(sections, show) {
    if (show !== this.show) this.range.forget();
    this.show = show;
    this.sections = sections;
    this.nodes = sections.flatMap(({nodes}) => nodes);
    this.place();
  }

  resized(width) {
    if (Math.floor(width) === this.width) return;
    this.width = Math.floor(width);
    this.place();
  }

  restyle() {
    this.shades = null;
    this.paint();
  }

  place() {
    if (!this.width) return;
    const dock = document.getElementById("dock")?.offsetHeight ?? 0;
    const top = this.box.getBoundingClientRect().top + scrollY;
    const room = Math.max(LEAST_ROOM, innerHeight - top - dock - 24);
    const chosen = this.nodes[this.at]?.id;
    this.placed = layout(this.sections, this.width, room);
    this.places = new Map(this.placed.cells.map((cell) => [cell.id, cell]));
    this.canvas.style.height = `${this.placed.height}px`;
    this.at = chosen ? this.placed.cells.findIndex((cell) => cell.id === chosen) : -1;
    this.paint();
  }

  /** Everything anew. */
  paint() {
    if (!this.width) return;
    this.used = this.show || commonest(this.nodes);
    this.take();
    const context = sharpContext(this.canvas, this.width, this.placed.height);
    const css = getComputedStyle(this.box);
    this.font = css.fontFamily;
    context.fillStyle = css.color;
    context.font = `600 ${css.fontSize} ${this.font}`;
    for (const {text, y} of this.placed.titles) context.fillText(text, 0, y);
    this.context = context;
    this.draw(this.placed.cells);
    this.patchLegend();
    this.choose(this.at);
  }

  /** The nodes with these ids changed, those of `pressed` reported an event. */
  patch(ids, pressed) {
    if (!this.context) return;
    const now = this.fleet.clock();
    for (const id of pressed) this.lit.set(id, now + LIT_MS);
    if (pressed.length) setTimeout(() => this.dim(), LIT_MS + 20);
    this.nodes = this.nodes.map((node) => this.fleet.nodes.get(node.id) ?? node);
    if (this.take()) this.draw(this.placed.cells);
    else this.draw([...new Set([...ids, ...pressed])].map((id) => this.places.get(id)).filter(Boolean));
    this.patchLegend();
    if (this.at >= 0) this.choose(this.at);
  }

  dim() {
    const now = this.fleet.clock();
    const over = [...this.lit].filter(([, until]) => until <= now).map(([id]) => id);
    for (const id of over) this.lit.delete(id);
    if (this.context) this.draw(over.map((id) => this.places.get(id)).filter(Boolean));
  }

  take() {
    if (this.used === STATE) return false;
    const live = this.nodes.filter((node) => node.state === "online");
    const values = live.map((node) => headline(node, this.used)?.value).filter((value) => typeof value === "number");
    return this.range.take(values, this.fleet.clock());
  }

  draw(cells) {
    this.shades ??= shades();
    const paint = {range: this.range, shades: this.shades, byState: this.used === STATE, font: this.font};
    for (const cell of cells) {
      const node = this.fleet.nodes.get(cell.id);
      if (node) drawCell(this.context, cell, node, headline(node, this.used), paint, this.lit.has(cell.id));
    }
  }

  patchLegend() {
    const [quantity, unit = ""] = this.used.split(",");
    const byState = this.used === STATE;
    const {low, high} = this.range;
    setText(this.what, byState ? "State" : [quantity, symbol(unit)].filter(Boolean).join(", "));
    setHidden(this.scale, byState || low === null);
    if (low !== null) [low, (low + high) / 2, high].forEach((value, i) => setText(this.bounds[i], number(value, unit)));
    const counted = STATES.map((state) => [state, this.nodes.filter((node) => node.state === state).length]);
    const there = counted.filter(([state, count]) => count || state === "online");
    const make = ([state]) => h("li", {"data-state": state}, glyph(`state-${state}`, "state-glyph"), h("span", {}));
    const update = (item, [state, count]) => setText(item.lastElementChild, `${count} ${state}`);
    patchList(this.counts, there, ([state]) => state, make, update);
    const said = there.map(([state, count]) => `${count} ${state}`).join(", ");
    const of = byState || low === null ? "state" : `${quantity}, ${number(low, unit)} to ${withUnit(high, unit)}`;
    setAttribute(this.box, "aria-label", `Map of ${this.nodes.length} nodes by ${of}; ${said}`);
  }

  pointed(event) {
    const {left, top} = this.canvas.getBoundingClientRect();
    const cell = cellAt(this.placed.cells, event.clientX - left, event.clientY - top);
    const at = cell ? this.placed.cells.indexOf(cell) : -1;
    if (at !== this.at && (cell || document.activeElement !== this.box)) this.choose(at);
  }

  keyed(event) {
    if (event.key === "Enter" && this.at >= 0) this.cell.click();
    else if (event.key === "Escape") this.choose(-1);
    else {
      const next = neighbour(this.placed.cells, Math.max(0, this.at), event.key);
      if (next === null) return;
      this.choose(next);
      this.cell.scrollIntoView({block: "nearest"});
    }
    event.preventDefault();
  }

  /** The link and the lens go to this cell, or away. */
  choose(index) {
    const cell = this.placed.cells[index];
    const node = cell && this.fleet.nodes.get(cell.id);
    this.at = node ? index : -1;
    setHidden(this.cell, !node);
    setHidden(this.lens, !node);
    setAttribute(this.box, "aria-activedescendant", node ? `cell-${index}` : null);
    if (!node) return;
    const head = headline(node, this.used === STATE ? "" : this.used);
    const value = head ? withUnit(head.value, head.unit) : "no reading";
    const name = node.name || node.id;
    this.cell.id = `cell-${index}`; // a new one each time: that is how a screen reader hears of it
    setAttribute(this.cell, "href", `/node/${encodeURIComponent(node.id)}`);
    setAttribute(this.cell, "aria-label", [name, node.state, value].join(", "));
    setAttribute(this.cell, "aria-posinset", index + 1);
    setAttribute(this.cell, "aria-setsize", this.placed.cells.length);
    Object.assign(this.cell.style, {
      transform: `translate(${cell.x}px, ${cell.y}px)`,
      width: `${cell.width}px`,
      height: `${cell.height}px`,
    });
    const {state, named, big, word, why} = this.lens.parts;
    setAttribute(this.lens, "data-state", node.state);
    setGlyph(state, `state-${node.state}`);
    setText(named, name);
    setText(big, value);
    setText(word, node.state);
    setText(why, node.state === "online" ? (node.groups ?? []).join(", ") : (node.why ?? ""));
    const below = cell.y + cell.height + 8;
    const high = this.lens.offsetHeight;
    const y = below + high > this.placed.height && cell.y > high ? cell.y - high - 8 : below;
    const x = Math.max(0, Math.min(cell.x + cell.width / 2 - this.lens.offsetWidth / 2, this.width - this.lens.offsetWidth));
    this.lens.style.transform = `translate(${Math.round(x)}px, ${Math.round(y)}px)`;
  }
}

function makeLens() {
  const parts = {
    state: glyph("state-online", "state-glyph"),
    named: h("b", {class: "lens-name"}),
    big: h("p", {class: "lens-value"}),
    word: h("span", {class: "lens-state"}),
    why: h("p", {class: "lens-why"}),
  };
  const head = h("p", {class: "lens-head"}, parts.state, parts.named, parts.word);
  const lens = h("div", {class: "lens panel", "aria-hidden": "true", hidden: true}, head, parts.big, parts.why);
  lens.parts = parts;
  return lens;
}
