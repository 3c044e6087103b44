// A past span as frames for a Fleet: asks the server for chunks ahead of what is shown, and hands out what came until
// a moment. Owns that moment; never touches the document.

import {ApiError, get} from "./api.js";
import {Fleet} from "./state.js";

const FIRST_S = 10; // of watching come with the first picture, so that it comes soon
const AHEAD_S = 4; // of watching; less than that is loaded soon
const EVERY = {1: 1, 10: 2, 60: 10, 300: 60}; // speed -> seconds that a sensor's value stands for
const SHOWN_ALERTS = 200;

export class Film {
  /** `live` knows the nodes of today; `failed` gets an error of the server. */
  constructor(live, failed) {
    this.live = live;
    this.failed = failed;
    this.from = this.to = this.time = 0;
    this.speed = 1;
    this.chunks = [];
    this.loaded = 0; // until when there are chunks
    this.serial = 0; // of the last jump: what was asked before it is thrown away
    this.fleet = null;
    this.asking = false;
  }

  get ended() {
    return this.time >= this.to;
  }

  get waiting() {
    return !this.fleet || (this.asking && this.time >= this.loaded && !this.ended);
  }

  setSpan(from, to) {
    [this.from, this.to] = [from, to];
    this.goto(from);
  }

  setSpeed(speed) {
    const coarser = EVERY[speed] !== EVERY[this.speed];
    this.speed = speed;
    if (!coarser || !this.fleet) return;
    this.serial += 1; // go on from here with other chunks
    this.chunks = [];
    this.loaded = this.time;
    this.asking = false;
    this.more();
  }

  /** Stand at another moment; `load` brings what was there. */
  goto(at) {
    this.serial += 1;
    this.time = Math.round(Math.min(Math.max(at, this.from), this.to));
    this.chunks = [];
    this.loaded = this.time;
    this.asking = false;
    this.still = true; // until it is loaded, nothing moves
  }

  /** A Fleet as it stood at this moment, or null if somebody went elsewhere meanwhile. */
  async load() {
    const at = this.time;
    const until = Math.max(Math.min(this.to, at + FIRST_S * 1000 * this.speed), at + 1);
    const chunk = await this.ask(at, until, true);
    if (!chunk) return null;
    this.still = false;
    this.fleet = new Fleet(() => this.time);
    this.alerts = new Map(chunk.state.alerts.map((alert) => [`${alert.kind} ${alert.node}`, alert]));
    this.fleet.applySnapshot({
      now: at,
      base: this.live.base,
      broker: {connected: true, url_public: ""},
      nodes: chunk.state.nodes,
      events: chunk.state.nodes.flatMap(({id, event}) => (event ? [{node: id, ...event}] : [])),
      alerts: chunk.state.alerts,
    });
    return this.fleet;
  }

  async more() {
    if (this.asking || this.still || this.loaded >= this.to) return;
    await this.ask(this.loaded, this.to, false);
  }

  async ask(from, to, whole) {
    const serial = this.serial;
    this.asking = true;
    const every = EVERY[this.speed];
    try {
      const path = `/api/replay?from=${from}&to=${to}&every=${every}${whole ? "&state=1" : ""}`;
      const chunk = await get(path);
      if (serial !== this.serial) return null;
      if (!chunk) throw new ApiError("The dashboard takes too long to answer; choose a shorter span or a lower speed.");
      this.chunks.push({...chunk, next: {values: 0, events: 0, happenings: 0}});
      this.loaded = chunk.to;
      return chunk;
    } catch (error) {
      if (serial === this.serial) this.failed(error);
      return null;
    } finally {
      if (serial === this.serial) this.asking = false;
    }
  }

  /** Go on by `ms` of the past, as far as it is loaded, and tell the fleet what came. */
  advance(ms) {
    if (!this.fleet || this.still) return;
    this.time = Math.round(Math.min(this.time + ms, this.loaded, this.to));
    const frame = {now: this.time, nodes: {}, gone: [], events: []};
    for (const chunk of this.chunks) this.collect(chunk, frame);
    this.chunks = this.chunks.filter((chunk) => chunk.to > this.time);
    this.fleet.applyFrame(frame);
    if (this.loaded - this.time < AHEAD_S * 1000 * this.speed) this.more();
  }

  collect(chunk, frame) {
    const due = (kind, when) => {
      const rows = chunk[kind];
      const first = chunk.next[kind];
      let last = first;
      while (last < rows.length && when(rows[last]) <= this.time) last += 1;
      chunk.next[kind] = last;
      return rows.slice(first, last);
    };
    for (const row of due("happenings", ({t}) => t)) this.happened(row, frame);
    for (const [t, node, sensor, values] of due("values", ([t]) => t)) {
      const patch = this.patchOf(node, frame);
      const names = chunk.fields[node][sensor];
      patch.v = {...patch.v, [sensor]: Object.fromEntries(names.map((name, place) => [name, values[place]]))};
      patch.t = {...patch.t, [sensor]: t};
      patch.last = t;
      if (!this.fleet.nodes.get(node)?.spark && !patch.spark) patch.spark = sparkOf(sensor, names, values);
    }
    for (const event of due("events", ({t}) => t)) {
      frame.events.push(event);
      this.patchOf(event.node, frame).event = event;
    }
  }

  /** The patch of a node in this frame; one that was not there yet comes with what is known of it today. */
  patchOf(id, frame) {
    let patch = frame.nodes[id];
    if (!patch) {
      patch = frame.nodes[id] = {};
      if (!this.fleet.nodes.has(id)) {
        const {name, groups, meta, period} = this.live.nodes.get(id) ?? {};
        const known = {name: name ?? id, groups: groups ?? [], meta: meta ?? null, period: period ?? 0};
        Object.assign(patch, known, {state: "online", why: "", since: this.time, counts: {}});
      }
    }
    return patch;
  }

  happened(row, frame) {
    if (row.state === "forgotten") {
      frame.gone.push(row.node);
      delete frame.nodes[row.node];
    } else if (row.state) {
      const {state, text: why, t: since, boot} = row;
      Object.assign(this.patchOf(row.node, frame), {state, why, since, boot});
    }
    const key = `${row.about} ${row.node}`;
    if (row.kind === "alert" && row.word === "raised") {
      this.alerts.set(key, {id: key, ts: row.t, kind: row.about, node: row.node, text: row.text});
    } else if (row.kind === "alert") this.alerts.delete(key);
    else if (row.word === "started" && row.kind === "host") this.alerts.clear();
    else return;
    frame.alerts = [...this.alerts.values()].reverse().slice(0, SHOWN_ALERTS);
  }
}

function sparkOf(sensor, names, values) {
  const place = Math.max(0, names.indexOf("temp"));
  return typeof values[place] === "number" ? {sensor, field: names[place], points: [values[place]]} : undefined;
}
