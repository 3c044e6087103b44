// The tiles of the wall in their sections. Owns one slot for each node that is shown: it keeps its identity through
// every order, so that focus and lines survive. Lines are drawn only where somebody can see them.

import {h, patchList, setAttribute, setText} from "./dom.js";
import {flash, makeTile, patchAge, patchAnswer, patchSpark, patchTile} from "./tile.js";

const GLIDE = {duration: 400, easing: "ease-in-out"};

export class Tiles {
  constructor(fleet) {
    this.fleet = fleet;
    this.slots = new Map();
    this.element = h("div", {class: "sections"});
    this.still = matchMedia("(prefers-reduced-motion: reduce)");
    this.redraw = () => this.slots.forEach((slot) => patchSpark(slot, true));
    this.sight = new IntersectionObserver((entries) => this.sighted(entries), {rootMargin: "100px"});
    this.sizes = new ResizeObserver((entries) => this.sized(entries));
  }

  open() {
    addEventListener("themechange", this.redraw);
  }

  close() {
    removeEventListener("themechange", this.redraw);
    this.sight.disconnect();
    this.sizes.disconnect();
    this.slots.clear();
    this.element.replaceChildren();
    this.element.keyed = undefined;
  }

  sighted(entries) {
    for (const {target, isIntersecting} of entries) {
      target.seen = isIntersecting;
      patchSpark(target);
    }
  }

  sized(entries) {
    for (const {target, contentRect} of entries) {
      const slot = target.closest(".slot");
      if (!slot) continue;
      slot.size = contentRect.width ? {width: contentRect.width, height: contentRect.height} : null;
      patchSpark(slot, true);
    }
  }

  /** Show these sections in this size. `glide`: tiles that change their place are seen to go there; `fits`: all of them
   * fit the screen, and may use it all. */
  arrange(sections, size, show, {glide, fits}) {
    const before = glide && !this.still.matches ? this.positions() : null;
    this.show = show;
    setAttribute(this.element, "data-density", size);
    setAttribute(this.element, "data-fits", fits ? "" : null);
    setAttribute(this.element, "data-few", sections.length === 1 && sections[0].nodes.length <= 6 ? "" : null);
    const there = new Set(sections.flatMap(({nodes}) => nodes.map((node) => node.id)));
    for (const [id, slot] of this.slots) {
      if (there.has(id)) continue;
      this.sight.unobserve(slot);
      this.sizes.unobserve(slot.parts.spark);
      this.slots.delete(id);
    }
    const make = () => h("section", {class: "section"}, h("h2", {}), h("ul", {class: "tiles"}));
    patchList(this.element, sections, ({title}) => title, make, (section, wanted) => this.patchSection(section, wanted));
    if (before) this.glide(before);
  }

  patchSection(section, {title, nodes}) {
    const [heading, list] = section.children;
    setText(heading, title ? `${title} ${nodes.length}` : "");
    heading.hidden = !title;
    setAttribute(list, "aria-label", title ? `Nodes of ${title}` : "Nodes");
    patchList(list, nodes, (node) => node.id, (node) => this.slot(node), (slot, node) => patchTile(slot, node, this.show));
  }

  slot(node) {
    let slot = this.slots.get(node.id);
    if (!slot) {
      slot = makeTile();
      this.slots.set(node.id, slot);
      this.sight.observe(slot);
      this.sizes.observe(slot.parts.spark);
    }
    return slot;
  }

  /** The nodes with these ids changed; all texts first, then all lines, so that the page is laid out once. */
  patch(ids, pressed) {
    const now = this.fleet.now();
    const slots = [];
    for (const id of ids) {
      const slot = this.slots.get(id);
      const node = this.fleet.nodes.get(id);
      if (!slot || !node) continue;
      patchTile(slot, node, this.show);
      patchAge(slot, node, now);
      slots.push(slot);
    }
    for (const slot of slots) patchSpark(slot);
    for (const id of pressed) if (this.slots.has(id)) flash(this.slots.get(id));
  }

  tick() {
    const now = this.fleet.now();
    for (const [id, slot] of this.slots) {
      const node = this.fleet.nodes.get(id);
      if (node) patchAge(slot, node, now);
    }
  }

  /** `rows` by node id: what each said to the command of the moment; null when that is over. */
  answer(rows) {
    for (const [id, slot] of this.slots) patchAnswer(slot, rows?.get(id));
  }

  /** Somebody points at a tile or has gone to one by keyboard: nothing may move under them. */
  held() {
    return this.element.matches(":hover") || this.element.contains(document.activeElement);
  }

  positions() {
    return new Map([...this.slots].map(([id, slot]) => [id, slot.getBoundingClientRect()]));
  }

  glide(before) {
    for (const [id, slot] of this.slots) {
      const [was, is] = [before.get(id), slot.getBoundingClientRect()];
      if (!was || (was.x === is.x && was.y === is.y) || Math.min(was.y, is.y) > innerHeight) continue;
      slot.animate([{transform: `translate(${was.x - is.x}px, ${was.y - is.y}px)`}, {transform: "none"}], GLIDE);
    }
  }
}
