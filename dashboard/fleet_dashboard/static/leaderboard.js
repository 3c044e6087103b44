// One ranking: a list whose rows glide to their new places. Beside the wall here, big in podium.js.
// Scores, places and movement are the host's; how they look is made here.

import {h, patchList, perFrame, setAttribute, setText} from "./dom.js";
import {symbol} from "./units.js";

const GLIDE_MS = 350;

/** The rows of a board: place, movement, name, bar, score. */
export class Ranks {
  constructor(fleet, most) {
    this.fleet = fleet;
    this.most = most;
    this.element = h("ol", {class: "ranks"});
  }

  patch(board) {
    const share = barOf(board);
    setAttribute(this.element, "data-few", board.top.length <= 5 ? "" : null);
    const places = board.top.map((_, index) => board.ranks[index]?.[0]);
    const entries = board.top.slice(0, this.most).map(([node, name, score], index) => ({
      node,
      name: this.fleet.nodes.get(node)?.name || name || node,
      score,
      place: places[index],
      shared: places[index - 1] === places[index] || places[index + 1] === places[index],
      moved: board.ranks[index]?.[1] ?? null,
    }));
    glide(this.element, () =>
      patchList(
        this.element,
        entries,
        (entry) => entry.node,
        makeRow,
        (row, entry) => {
          const [rank, arrow, name, bar, score] = row.parts;
          setText(rank, entry.shared ? `=${entry.place}` : String(entry.place));
          setAttribute(row, "data-place", String(entry.place));
          patchArrow(arrow, entry.moved);
          setText(name, entry.name);
          bar.firstElementChild.value = share(entry.score);
          setText(score, scoreText(entry.score, board));
        },
      ),
    );
  }
}

// FLIP: remember where the rows are, change them, start each from its old place and let it glide.
function glide(list, change) {
  const before = new Map([...list.children].map((row) => [row, row.offsetTop]));
  change();
  if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
  for (const row of list.children) {
    const moved = before.has(row) ? before.get(row) - row.offsetTop : 0;
    const from = before.has(row) ? {transform: `translateY(${moved}px)`} : {opacity: 0};
    if (before.has(row) && !moved) continue;
    row.animate([from, {transform: "none", opacity: 1}], {duration: GLIDE_MS, easing: "ease-out"});
  }
}

function makeRow(entry) {
  const bar = h("span", {class: "bar"}, h("progress", {max: 1, value: 0, "aria-hidden": "true"}));
  const parts = [
    h("span", {class: "place"}),
    h("span", {class: "moved"}),
    h("a", {class: "name", href: `/node/${encodeURIComponent(entry.node)}`}),
    bar,
    h("span", {class: "score"}),
  ];
  const row = h("li", {}, ...parts);
  row.parts = parts;
  return row;
}

/** Up and down are told by shape, colour and number; null is new. */
export function patchArrow(element, moved) {
  setText(element, moved === null ? "new" : moved > 0 ? `▲${moved}` : moved < 0 ? `▼${-moved}` : "");
  setAttribute(element, "data-moved", moved === null ? "new" : moved > 0 ? "up" : moved < 0 ? "down" : null);
  const label = moved > 0 ? `up ${moved}` : `down ${-moved}`;
  setAttribute(element, "role", moved ? "img" : null);
  setAttribute(element, "aria-label", moved ? label : null);
}

// A longer bar is a better score, also where less is better. Warmth has no zero.
function barOf(board) {
  const scores = board.top.map((row) => row[2]);
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  if (board.unit === "Cel" || low < 0) {
    const span = high - low + 1;
    return (score) => (board.high ? score - low + 1 : high - score + 1) / span;
  }
  if (!board.high) return (score) => (score ? low / score : 1);
  return (score) => score / (high || 1);
}

/** "21.5 °C", "301 ms", "12": a unit that is a word is in the title already. */
export function scoreText(score, board) {
  const digits = Number.isInteger(score) && !board.digits ? 0 : Math.max(board.digits, Number.isInteger(score) ? 0 : 1);
  const text = score.toFixed(digits).replace("-", "−");
  const sign = symbol(board.unit);
  return sign && sign.length <= 4 ? `${text} ${sign}` : text;
}

/** The right column of the wall: the round while one is on, else what somebody chose. */
export class Board {
  constructor(fleet, {rows}) {
    this.fleet = fleet;
    this.chosen = null;
    this.choice = h("select", {"aria-label": "What to rank", onchange: () => this.choose(this.choice.value)});
    this.rule = h("p", {class: "rule"});
    this.ranks = new Ranks(fleet, rows);
    this.empty = h("p", {class: "hint"}, "No score yet.");
    this.element = h(
      "section",
      {class: "board panel", "aria-label": "Leaderboard"},
      h("header", {}, this.choice),
      this.rule,
      this.ranks.element,
      this.empty,
    );
    this.paint = perFrame(() => this.patch());
  }

  show() {
    this.unsubscribe = this.fleet.subscribe(() => this.paint());
    this.paint();
  }

  hide() {
    this.unsubscribe();
  }

  choose(name) {
    this.chosen = name;
    this.paint();
  }

  patch() {
    const {round} = this.fleet;
    if (round?.id !== this.round) this.chosen = null; // a new round is what everybody looks at
    this.round = round?.id;
    const boards = round ? [{...round, name: "round"}, ...this.fleet.boards] : this.fleet.boards;
    const board = boards.find((one) => one.name === this.chosen) ?? boards[0];
    const make = ({name}) => h("option", {value: name});
    patchList(this.choice, boards, ({name}) => name, make, (option, {title}) => setText(option, title));
    if (board && this.choice.value !== board.name) this.choice.value = board.name;
    setText(this.rule, board?.rule ?? "");
    this.empty.hidden = Boolean(board?.top.length);
    if (board) this.ranks.patch(board);
  }
}
