// Owns what this page knows about the fleet: one snapshot, patched by frames. Never touches the document
// or the network. Views subscribe and are told which nodes changed.

const SPARK_POINTS = 60;
const RATE_WINDOW = 5000;
const BY_NAME = new Intl.Collator("en", {numeric: true});

export class Fleet {
  constructor(clock = Date.now) {
    this.clock = clock;
    this.base = "";
    this.broker = {connected: true, url_public: ""};
    this.stats = {};
    this.nodes = new Map();
    this.boards = []; // what stands, in its order
    this.round = null; // the one that is on, or whose result is shown
    this.challenges = {challenges: [], problems: []};
    this.results = []; // heads of earlier rounds, newest first
    this.alerts = [];
    this.class = {mute: {}, pause: {}}; // until when, by target: {"_all": server ms}
    this.lesson = null; // {until: server ms} while nobody needs a password
    this.events = []; // newest first
    this.rollcalls = new Map();
    this.ready = false;
    this.framed = null; // page clock at the last frame
    this.heard = null; // page clock when the server last said anything
    this.offset = 0; // server clock - page clock
    this.listeners = new Set();
    this.totals = []; // [server ms, messages], for a rate
  }

  /** The server's clock: ages are differences of two of its readings, whatever time the viewer's PC has. */
  now() {
    return this.clock() + this.offset;
  }

  /** Age of the last frame in ms, or null before the first. */
  frameAge() {
    return this.framed === null ? null : this.clock() - this.framed;
  }

  /** How long the server has said nothing at all, in ms, or null. */
  silence() {
    return this.heard === null ? null : this.clock() - this.heard;
  }

  /** The server is there but had no news: {now, broker} of /api/health. */
  pulse(health) {
    this.heard = this.clock();
    this.offset = health.now - this.heard;
    this.broker = {...this.broker, connected: health.broker};
    this.tell({nodes: new Set(), events: [], moved: [], all: false});
  }

  /** Listener gets {nodes: Set of ids, events: new ones, moved: [[node, from, to]], all: bool, rollcall}. */
  subscribe(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  applySnapshot(snapshot) {
    const before = this.nodes;
    this.nodes = new Map(snapshot.nodes.map((node) => [node.id, node]));
    const moved = [];
    for (const node of this.nodes.values()) {
      const old = before.get(node.id);
      if (old && old.state !== node.state) moved.push([node, old.state, node.state]);
    }
    const seen = this.events[0]?.t ?? Infinity; // the first snapshot is history, a later one may bring news
    this.events = [...snapshot.events].sort((a, b) => b.t - a.t);
    const news = this.events.filter((event) => event.t > seen);
    for (const event of [...this.events].reverse()) this.tellOf(event);
    this.base = snapshot.base;
    this.broker = snapshot.broker;
    this.totals = [];
    this.boards = snapshot.boards ?? [];
    this.round = snapshot.round ?? null;
    this.take(snapshot);
    this.ready = true;
    this.tell({nodes: new Set(this.nodes.keys()), events: news, moved, all: true});
  }

  applyFrame(frame) {
    const changed = new Set();
    const moved = [];
    for (const [id, patch] of Object.entries(frame.nodes ?? {})) {
      const node = this.nodes.get(id);
      const from = node?.state;
      this.nodes.set(id, node ? patchNode(node, patch) : {id, v: {}, t: {}, counts: {}, groups: [], ...patch});
      if (patch.state && patch.state !== from) moved.push([this.nodes.get(id), from ?? null, patch.state]);
      changed.add(id);
    }
    for (const id of frame.gone ?? []) {
      this.nodes.delete(id);
      changed.add(id);
    }
    const events = frame.events ?? [];
    for (const event of events) this.tellOf(event);
    if (events.length) this.events = [...events].reverse().concat(this.events).slice(0, 100);
    if (frame.broker) this.broker = frame.broker;
    if (frame.boards) this.boards = mergeBoards(this.boards, frame.boards, frame.challenges ?? this.challenges);
    if ("round" in frame) this.round = mergeRound(this.round, frame.round);
    this.take(frame);
    this.tell({nodes: changed, events, moved, all: false, happenings: frame.happenings ?? []});
  }

  applyRollcall(rollcall) {
    this.rollcalls.set(rollcall.id, rollcall);
    for (const id of this.rollcalls.keys()) {
      if (this.rollcalls.size <= 20) break;
      this.rollcalls.delete(id);
    }
    this.tell({nodes: new Set(), events: [], moved: [], all: false, rollcall});
  }

  /** Nodes in the fixed order of the wall: by name, then id, so that everyone finds their own. */
  sorted() {
    const name = (node) => node.name || node.id;
    const order = (a, b) => BY_NAME.compare(name(a), name(b)) || (a.id < b.id ? -1 : 1);
    return [...this.nodes.values()].sort(order);
  }

  groups() {
    return [...new Set([...this.nodes.values()].flatMap((node) => node.groups ?? []))].sort();
  }

  /** The nodes that a target addresses and that can hear it. */
  addressed(target) {
    const nodes = [...this.nodes.values()];
    if (target === "_all") return nodes;
    return target[0] === "_"
      ? nodes.filter((node) => node.groups?.includes(target.slice(1)))
      : nodes.filter((node) => node.id === target);
  }

  /** Messages per second over the last 5 s, or null while there is nothing to compare. */
  rate() {
    if (typeof this.stats.rate === "number") return this.stats.rate;
    const [first, last] = [this.totals[0], this.totals.at(-1)];
    return first && last[0] - first[0] > 500 ? ((last[1] - first[1]) * 1000) / (last[0] - first[0]) : null;
  }

  /** Readings that nodes took, that are not stored, and that may still come. */
  missing() {
    let missing = 0;
    for (const node of this.nodes.values()) missing += node.counts?.missing ?? 0;
    return missing;
  }

  /** What a node's tile says happened last: a release tells nothing that the press before it did not. */
  tellOf(event) {
    const node = this.nodes.get(event.node);
    if (node && event.type !== "release") node.told = event;
  }

  take(message) {
    this.framed = this.heard = this.clock();
    this.offset = message.now - this.heard;
    if (message.stats) this.stats = message.stats;
    if (message.challenges) this.challenges = message.challenges;
    if (message.results) this.results = message.results;
    if (message.alerts) this.alerts = message.alerts;
    if (message.class) this.class = message.class;
    if ("lesson" in message) this.lesson = message.lesson;
    if (typeof this.stats.messages === "number") this.totals.push([message.now, this.stats.messages]);
    while (this.totals.length > 2 && message.now - this.totals[0][0] > RATE_WINDOW) this.totals.shift();
  }

  tell(change) {
    for (const listener of [...this.listeners]) listener(change);
  }
}

/** Frames bring of each board only what changed, and null for one that is gone. */
function mergeBoards(boards, changes, {challenges}) {
  const merged = new Map(boards.map((board) => [board.name, board]));
  for (const [name, change] of Object.entries(changes)) {
    if (change) merged.set(name, {...merged.get(name), ...change});
    else merged.delete(name);
  }
  const order = challenges.map(({name}) => name);
  return [...merged.values()].sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
}

function mergeRound(round, change) {
  return change && round?.id === change.id ? {...round, ...change} : change;
}

function patchNode(node, patch) {
  const patched = {...node, ...patch};
  patched.v = patch.v ? {...node.v, ...patch.v} : node.v;
  patched.t = patch.t ? {...node.t, ...patch.t} : node.t;
  const spark = node.spark;
  if (!("spark" in patch) && spark && patch.v?.[spark.sensor]) {
    const value = patch.v[spark.sensor][spark.field];
    if (typeof value === "number" && patched.t[spark.sensor] !== node.t?.[spark.sensor]) {
      patched.spark = {...spark, points: [...spark.points, value].slice(-SPARK_POINTS)};
    }
  }
  return patched;
}
