// Leaderboards: one list whose rows glide to their new places, beside the wall and big on its own page.
// The scores are the host's; ranks and ties are made here.

import {h, patchList, perFrame, setAttribute, setText} from "./dom.js";
import {number, symbol} from "./units.js";

const GLIDE_MS = 350;
const RULES = {
  presses: "A point for every press of a button",
  warmest: "The highest temperature now",
  shake: "The hardest shake, above gravity",
};

export class Board {
  constructor(fleet, {rows, chosen = null, onchoose = null}) {
    this.fleet = fleet;
    this.rows = rows;
    this.chosen = chosen;
    this.onchoose = onchoose;
    this.tabs = h("div", {class: "tabs", role: "group", "aria-label": "What to rank"});
    this.title = h("h2", {});
    this.rule = h("p", {class: "rule"});
    this.list = h("ol", {class: "ranks"});
    this.empty = h("p", {class: "hint"}, "No score yet.");
    this.element = h(
      "section",
      {class: "board panel", "aria-label": "Leaderboard"},
      h("header", {}, this.title, this.tabs),
      this.rule,
      this.list,
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
    this.onchoose?.(name);
    this.paint();
  }

  patch() {
    const boards = this.fleet.boards;
    const board = boards.find((one) => one.name === this.chosen) ?? boards[0];
    const make = ({name}) => h("button", {type: "button", onclick: () => this.choose(name)}, name);
    const mark = (button, {name}) => setAttribute(button, "aria-pressed", String(name === board.name));
    patchList(this.tabs, boards, ({name}) => name, make, mark);
    this.tabs.hidden = boards.length < 2;
    setText(this.title, board?.title ?? "Leaderboard");
    setText(this.rule, RULES[board?.name] ?? "");
    this.empty.hidden = Boolean(board?.top.length);
    if (board) this.glide(() => this.rank(board));
  }

  rank(board) {
    const best = Math.max(...board.top.map((row) => Math.abs(row[2])), 0) || 1;
    const least = board.unit === "Cel" ? Math.min(...board.top.map((row) => row[2])) - 1 : 0; // warmth has no zero
    let place = 0;
    const entries = board.top.slice(0, this.rows).map(([node, name, score], index, all) => {
      const tied = index > 0 && all[index - 1][2] === score;
      if (!tied) place = index + 1;
      const shared = tied || all[index + 1]?.[2] === score;
      return {node, name: this.fleet.nodes.get(node)?.name || name || node, score, place, shared};
    });
    patchList(
      this.list,
      entries,
      (entry) => entry.node,
      makeRow,
      (row, entry) => {
        const [rank, name, bar, score] = row.parts;
        setText(rank, entry.shared ? `=${entry.place}` : String(entry.place));
        setAttribute(row, "data-place", String(entry.place));
        setText(name, entry.name);
        bar.firstElementChild.value = Math.max(0, (entry.score - least) / (best - least || 1));
        setText(score, scoreText(entry.score, board.unit));
      },
    );
  }

  // FLIP: remember where the rows are, change them, start each from its old place and let it glide.
  glide(change) {
    const before = new Map([...this.list.children].map((row) => [row, row.offsetTop]));
    change();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [row, top] of before) {
      const moved = row.isConnected ? top - row.offsetTop : 0;
      if (!moved) continue;
      row.animate([{transform: `translateY(${moved}px)`}, {transform: "none"}], {
        duration: GLIDE_MS,
        easing: "ease-out",
      });
    }
  }
}

function makeRow(entry) {
  const bar = h("span", {class: "bar"}, h("progress", {max: 1, value: 0, "aria-hidden": "true"}));
  const parts = [
    h("span", {class: "place"}),
    h("a", {class: "name", href: `/node/${encodeURIComponent(entry.node)}`}),
    bar,
    h("span", {class: "score"}),
  ];
  const row = h("li", {}, ...parts);
  row.parts = parts;
  return row;
}

function scoreText(score, unit) {
  const known = symbol(unit);
  if (known !== unit || unit === "m/s2") return `${number(score, unit)} ${known}`;
  return Number.isInteger(score) ? String(score) : score.toFixed(1);
}

/** The page for the projector: the same list, alone and large. */
export class LeaderboardPage {
  constructor(fleet, query) {
    const remember = (name) => history.replaceState(null, "", `/leaderboard?by=${encodeURIComponent(name)}`);
    this.board = new Board(fleet, {rows: 10, chosen: query.get("by"), onchoose: remember});
    this.element = h("div", {class: "podium"}, h("h1", {class: "unseen"}, "Leaderboard"), this.board.element);
  }

  show() {
    this.board.show();
  }
  hide() {
    this.board.hide();
  }
  tick() {}
}
