// Which nodes the wall shows, in which order and in which sections. The order is calm: by name it never changes by
// itself; any other order is taken once and kept until it is taken again.

import {headline} from "./fields.js";

const WORST_FIRST = ["lost", "silent", "offline", "sleeping", "online"];
export const RESORT_MS = 10_000;

/** What an order compares: smaller comes first. Equal nodes stay in the order of their names. */
const KEYS = {
  state: (node) => WORST_FIRST.indexOf(node.state),
  event: (node) => -((node.told ?? node.event)?.t ?? 0),
  high: (node, show) => -(headline(node, show)?.value ?? -Infinity),
  low: (node, show) => headline(node, show)?.value ?? Infinity,
};

export class Order {
  constructor() {
    this.forget();
  }

  /** Take the order anew when nodes are next arranged. */
  forget() {
    this.ranks = null;
    this.takenAt = 0;
  }

  /** Is it time to take it again? Never for names. */
  due(view, now) {
    return view.sort !== "name" && now - this.takenAt > RESORT_MS;
  }

  /** `nodes` come by name and go in the order of the view; who came since it was taken stands at the end. */
  arrange(nodes, view, now) {
    const key = KEYS[view.sort];
    if (!key) return nodes;
    if (!this.ranks) {
      const keys = new Map(nodes.map((node) => [node.id, key(node, view.show)]));
      const taken = [...nodes].sort((a, b) => compare(keys.get(a.id), keys.get(b.id)));
      this.ranks = new Map(taken.map((node, rank) => [node.id, rank]));
      this.takenAt = now;
    }
    const rank = (node) => this.ranks.get(node.id) ?? Infinity;
    return [...nodes].sort((a, b) => compare(rank(a), rank(b)));
  }
}

function compare(a, b) {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** [{title, nodes}]: one without a title, or one for each group. A node stands once, under the first of its groups. */
export function sections(nodes, grouped) {
  if (!grouped) return [{title: "", nodes}];
  const found = new Map();
  for (const node of nodes) {
    const title = node.groups?.[0] ?? "";
    if (!found.has(title)) found.set(title, []);
    found.get(title).push(node);
  }
  const last = (title) => (title === "" ? 1 : 0);
  const order = [...found].sort(([a], [b]) => last(a) - last(b) || compare(a, b));
  return order.map(([title, members]) => ({title: title || "no group", nodes: members}));
}

/** Does every word that was typed stand in the node's id, name, state, groups or sensors? */
export function matches(node, view) {
  if (view.group && !node.groups?.includes(view.group)) return false;
  const words = view.q.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return true;
  const text = [node.id, node.name, node.state, ...(node.groups ?? []), ...Object.keys(node.v ?? {})].join(" ");
  return words.every((word) => text.toLowerCase().includes(word));
}

const SIZES = [
  ["roomy", 15.5, 10.2],
  ["compact", 11.2, 7.5],
  ["dense", 11.5, 2.9],
]; // least width and height of a tile with its gap, in rem
const PHONE = 30; // rem: there one scrolls anyway
const TILES = 300; // more are too much for any page, and for any reader

/** The largest size with which so many nodes fit `room` ({width, height} in rem) without scrolling. */
export function automatic(nodes, room) {
  if (room.width < PHONE) return nodes <= 12 ? "roomy" : nodes <= TILES ? "dense" : "map";
  return nodes > TILES ? "map" : (SIZES.find(([size]) => fits(size, nodes, room))?.[0] ?? "dense");
}

export function fits(size, nodes, room) {
  const [, width, height] = SIZES.find(([known]) => known === size) ?? [];
  return Math.floor(room.width / width) * Math.floor(room.height / height) >= nodes;
}
