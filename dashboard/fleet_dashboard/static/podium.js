// The leaderboard for the projector: one stage with the round or a standing board, teams beside it, and what a teacher
// needs to start and stop. Loaded when first wanted, with its own style sheet.

import {glyph, h, loadStyle, patchList, perFrame, setAttribute, setGlyph, setHidden, setText} from "./dom.js";
import {patchArrow, Ranks, scoreText} from "./leaderboard.js";
import {Referee} from "./referee.js";
import {moment} from "./units.js";

await loadStyle("/static/podium.css");

const RESULTS_SHOWN = 5;
const PHASES = {
  countdown: ["mark-waiting", "Get ready"],
  ready: ["state-silent", "Wait for the signal"],
  running: ["state-online", "Go!"],
  settling: ["mark-waiting", "Counting"],
  done: ["mark-yes", "Result"],
};

export class LeaderboardPage {
  constructor(fleet, query) {
    this.fleet = fleet;
    this.chosen = query.get("by");
    this.clean = query.has("clean");
    this.referee = new Referee(fleet);
    this.makeStage();
    this.makeSide();
    this.element = h("div", {class: "podium"}, h("h1", {class: "unseen"}, "Leaderboard"), this.stage, this.side);
    this.paint = perFrame(() => this.patch());
    this.run = perFrame(() => this.patchClock());
  }

  makeStage() {
    this.tabs = h("div", {class: "tabs", role: "group", "aria-label": "What to rank"});
    this.title = h("h2", {});
    this.rule = h("p", {class: "rule"});
    this.phaseGlyph = glyph("mark-waiting");
    this.phaseWord = h("b", {role: "status"});
    this.phase = h("p", {class: "phase"}, this.phaseGlyph, this.phaseWord);
    this.clock = h("span", {class: "clock", role: "timer"});
    this.left = h("progress", {class: "left", max: 1, value: 0, "aria-hidden": "true"});
    this.question = h("p", {class: "question"});
    this.options = h("ol", {class: "options"});
    this.count = h("p", {class: "count", "aria-hidden": "true"});
    this.ranks = new Ranks(this.fleet, 10);
    this.empty = h("p", {class: "hint"});
    this.fouls = h("p", {class: "fouls"});
    this.why = h("p", {class: "problem", role: "alert"});
    this.stage = h(
      "section",
      {class: "stage panel", "aria-label": "Ranking"},
      this.tabs,
      h("header", {}, h("div", {class: "headings"}, this.title, this.rule), this.phase, this.clock),
      this.left,
      this.why,
      this.question,
      this.options,
      this.count,
      this.ranks.element,
      this.empty,
      this.fouls,
    );
  }

  makeSide() {
    this.teams = h("ol", {class: "teams"});
    this.teamPanel = h("section", {class: "panel", "aria-label": "Teams"}, h("h2", {}, "Teams"), this.teams);
    this.results = h("ul", {class: "results"});
    this.problems = h("ul", {class: "alerts", "aria-label": "Challenges with mistakes"});
    this.toggle = h("button", {type: "button", class: "quiet toggle", onclick: () => this.setClean(!this.clean)});
    this.resultPanel = h("section", {class: "panel", "aria-label": "Results"}, h("h2", {}, "Results"), this.results);
    this.side = h(
      "aside",
      {class: "side"},
      this.teamPanel,
      this.problems,
      this.referee.element,
      this.resultPanel,
      this.toggle,
    );
  }

  show() {
    this.unsubscribe = this.fleet.subscribe(() => this.paint());
    this.shown = true;
    this.paint();
  }

  hide() {
    this.shown = false;
    this.unsubscribe();
  }

  tick() {}

  choose(name) {
    this.chosen = name;
    this.remember();
    this.paint();
  }

  /** For the projector: without what only the teacher needs. */
  setClean(clean) {
    this.clean = clean;
    this.remember();
    this.paint();
  }

  remember() {
    const query = new URLSearchParams();
    if (this.chosen) query.set("by", this.chosen);
    if (this.clean) query.set("clean", "");
    history.replaceState(null, "", query.size ? `/leaderboard?${query}` : "/leaderboard");
  }

  patch() {
    if (!this.fleet.ready) return;
    const {round} = this.fleet;
    if (this.round !== undefined && round && round.id !== this.round) this.chosen = null; // everybody looks at a new round
    this.round = round?.id ?? null;
    const boards = round ? [{...round, name: "round"}, ...this.fleet.boards] : this.fleet.boards;
    const board = boards.find((one) => one.name === this.chosen) ?? boards[0];
    this.patchTabs(boards, board);
    this.onStage = board?.name === "round" ? round : null;
    setText(this.title, board?.title ?? "Leaderboard");
    setText(this.rule, board?.rule ?? "");
    if (board) this.ranks.patch(board);
    this.patchRound(this.onStage, board);
    this.patchTeams(board);
    this.patchAside();
    this.patchClock();
  }

  patchTabs(boards, board) {
    const make = ({name}) => h("button", {type: "button", onclick: () => this.choose(name)});
    patchList(this.tabs, boards, ({name}) => name, make, (button, {name, title}) => {
      setText(button, name === "round" ? "Round" : title);
      setAttribute(button, "aria-pressed", String(name === board.name));
    });
  }

  patchRound(round, board) {
    setHidden(this.phase, !round);
    setHidden(this.clock, !round);
    setHidden(this.question, !round?.question);
    setHidden(this.options, !round?.question);
    setText(this.why, round?.why ?? "");
    setHidden(this.why, !round?.why);
    if (round?.question) this.patchQuestion(round);
    const fouls = round?.fouls ?? [];
    const out = fouls.map(([node, name, why]) => `${this.fleet.nodes.get(node)?.name || name} (${why})`);
    setText(this.fouls, out.length ? `Out: ${out.join(", ")}` : "");
    setHidden(this.fouls, !out.length);
    const hint = !round ? "No score yet." : round.state === "done" ? "Nobody scored." : "";
    const answered = round?.question && round.state !== "done" ? `${round.answered} answered` : "";
    setText(this.empty, answered || hint);
    setHidden(this.empty, Boolean(board?.top.length) || !(answered || hint));
  }

  patchQuestion(round) {
    setText(this.question, round.question);
    const make = () => {
      const parts = [h("b", {class: "key"}), h("span", {}), h("span", {class: "votes"}), glyph("mark-yes")];
      const item = h("li", {}, ...parts);
      item.parts = parts;
      return item;
    };
    const options = round.options.map((text, index) => ({text, index}));
    patchList(this.options, options, ({index}) => index, make, (item, {text, index}) => {
      const [key, words, votes, mark] = item.parts;
      const right = round.answer === index;
      setText(key, round.by?.[index] ?? `${index + 1}×`);
      setText(words, text);
      setText(votes, round.votes ? `${round.votes[index]}` : "");
      setAttribute(item, "data-right", round.answer === null ? null : String(right));
      mark.toggleAttribute("hidden", !right);
    });
  }

  patchTeams(board) {
    const teams = board?.teams ?? [];
    setHidden(this.teamPanel, !teams.length);
    const make = () => {
      const parts = ["place", "moved", "name", "members", "score"].map((name) => h("span", {class: name}));
      const item = h("li", {}, ...parts);
      item.parts = parts;
      return item;
    };
    patchList(this.teams, teams, ([name]) => name, make, (item, [name, score, members, place, moved]) => {
      const tied = teams.filter((team) => team[3] === place).length > 1;
      const [rank, arrow, label, size, points] = item.parts;
      setAttribute(item, "data-place", String(place));
      setText(rank, tied ? `=${place}` : String(place));
      patchArrow(arrow, moved);
      setText(label, name);
      setText(size, `${members} ${members === 1 ? "node" : "nodes"}`);
      setText(points, scoreText(score, board));
    });
  }

  patchAside() {
    const {problems} = this.fleet.challenges;
    for (const part of [this.referee.element, this.resultPanel, this.tabs]) setHidden(part, this.clean);
    setHidden(this.problems, this.clean || !problems.length);
    setText(this.toggle, this.clean ? "Show controls" : "Hide controls");
    setAttribute(this.element, "data-clean", this.clean ? "" : null);
    const bare = this.clean && this.teamPanel.hidden;
    setAttribute(this.element, "data-bare", bare ? "" : null);
    const make = ({text}) => h("li", {}, glyph("state-lost"), " ", h("span", {}, text));
    patchList(this.problems, problems, ({text}) => text, make);
    this.referee.patch();
    const done = this.fleet.results.filter(({state}) => state !== "running").slice(0, RESULTS_SHOWN);
    patchList(this.results, done, ({id, state}) => `${id} ${state}`, makeResult);
    setHidden(this.resultPanel, this.clean || !done.length);
  }

  /** Every frame while a round is on: what only time alters. */
  patchClock() {
    const round = this.onStage;
    if (!this.shown || !round) {
      setHidden(this.left, true);
      setHidden(this.count, true);
      return;
    }
    const now = this.fleet.now();
    const phase = phaseOf(round, now);
    const [shape, word] = PHASES[phase];
    setGlyph(this.phaseGlyph, shape);
    setText(this.phaseWord, word);
    setAttribute(this.stage, "data-phase", phase);
    const until = phase === "countdown" ? round.starts : round.ends;
    const left = until === null ? null : Math.max(0, until - now);
    const ticking = phase === "countdown" || phase === "running";
    setText(this.clock, ticking && left !== null ? seconds(left) : "");
    setHidden(this.left, phase !== "running");
    if (phase === "running") this.left.value = Math.min(1, left / (round.seconds * 1000));
    setHidden(this.count, phase !== "countdown" && phase !== "ready");
    setText(this.count, phase === "countdown" ? String(Math.ceil(left / 1000)) : "…");
    if (phase !== "done") this.run();
  }
}

/** The host's state is up to a frame old; at the second itself the clock decides. */
function phaseOf(round, now) {
  if (round.state === "countdown" && now >= round.starts) return round.ends === null ? "ready" : "running";
  if (round.state === "running" && now >= round.ends) return "settling";
  return round.state;
}

function seconds(ms) {
  const whole = Math.ceil(ms / 1000);
  return whole < 60 ? String(whole) : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function makeResult(result) {
  const [first] = result.winners;
  const shared = result.winners.filter(({place}) => place === 1).map(({name}) => name);
  const won = first ? `${shared.join(", ")} — ${scoreText(first.score, result)}` : result.why || "Nobody scored.";
  return h(
    "li",
    {"data-state": result.state},
    h("b", {}, result.title),
    h("span", {}, won),
    h("small", {}, moment(result.started)),
    h("a", {href: `/api/rounds/${result.id}.csv`, download: "", onclick: leave}, "CSV"),
    h("a", {href: `/api/rounds/${result.id}`, target: "_blank", onclick: leave}, "JSON"),
  );
}

// The router takes every link of ours for a page; these are files.
function leave(event) {
  event.stopPropagation();
}
