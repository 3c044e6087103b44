// Sends what the controls of the commands page want, and keeps what came back: one answer for each press of a button,
// also where that was a command to each of many nodes. Owns the history of this session. Never touches the document.

import {ApiError, get, post} from "./api.js";
import {begun} from "./command-form.js";
import {summary} from "./rollcall.js";

const AT_ONCE = 8; // roll-calls that run together; the dashboard takes 20 in all
const PATIENCE_MS = 5000; // for the stream; then the roll-call is asked for
const KEPT = 20;
const PLACE = "commands"; // in the session's storage: a reload keeps the history

/** One press: `rows()` as in a roll-call. `orders` are [{node, args}] when each node was told something of its own. */
class Deed {
  constructor(order) {
    this.order = order;
    this.at = Date.now();
    this.calls = new Map(); // id -> roll-call
    this.own = []; // rows that no roll-call has
    this.left = 0; // commands that are not answered yet
    this.problem = "";
  }

  rollcall() {
    const {target, name, args} = this.order;
    const rows = [...[...this.calls.values()].flatMap((call) => call.rows), ...this.own];
    return {target, name, args, title: titleOf(this.order), done: !this.left, rows};
  }

  row(node) {
    return this.rollcall().rows.find((row) => row.node === node);
  }
}

export class Desk {
  /** One for as long as the tab is open: what was sent is answered also while another page is shown. `changed(deed)`,
   *  set by the page that is shown, is called whenever there is news of a deed. */
  constructor(fleet) {
    this.fleet = fleet;
    this.changed = () => {};
    this.current = null;
    this.waiting = new Map(); // id -> what to call when its roll-call is done
    this.history = remembered();
    fleet.subscribe(({rollcall}) => rollcall && this.take(rollcall));
  }

  take(rollcall) {
    for (const deed of [this.current, ...this.history.map(({deed}) => deed)]) {
      if (!deed?.calls.has(rollcall.id)) continue;
      deed.calls.set(rollcall.id, rollcall);
      if (rollcall.done) this.waiting.get(rollcall.id)?.();
      this.note(deed);
      return;
    }
  }

  /** A command to `_all`, `_<group>` or one node. */
  send(target, name, args) {
    const deed = this.begin({target, name, args}, 1);
    return this.ask(deed, target, name, args);
  }

  /** The same command to several nodes, each with arguments of its own: [{node, args}]. */
  async sendEach(name, orders) {
    const deed = this.begin({name, orders}, orders.length);
    const left = [...orders];
    const work = async () => {
      for (let order = left.shift(); order; order = left.shift()) await this.ask(deed, order.node, name, order.args);
    };
    await Promise.all(Array.from({length: AT_ONCE}, work));
    return deed;
  }

  /** Boards that are gone leave the wall. */
  async forget(nodes) {
    const deed = this.begin({name: "forget", orders: nodes.map(({id}) => ({node: id}))}, nodes.length);
    for (const {id, name} of nodes) {
      const began = performance.now();
      const row = {node: id, label: name || id, st: "done", ms: 0, err: null};
      try {
        await post(`/api/nodes/${encodeURIComponent(id)}/forget`, {});
        row.ms = performance.now() - began;
      } catch (error) {
        Object.assign(row, {st: "fail", ms: null, err: error.message});
      }
      deed.own.push(row);
      deed.left -= 1;
      this.note(deed);
    }
    return deed;
  }

  again({target, name, args, orders}) {
    if (orders) return this.sendEach(name, orders);
    return this.send(target, name, args);
  }

  begin(order, count) {
    const deed = new Deed(order);
    deed.left = count;
    this.current = deed;
    this.history = [{...order, at: deed.at, said: "", deed}, ...this.history].slice(0, KEPT);
    this.note(deed);
    return deed;
  }

  async ask(deed, target, name, args) {
    try {
      const accepted = await post("/api/commands", {target, name, args});
      const {id} = accepted;
      const done = new Promise((resolve) => this.waiting.set(id, resolve));
      deed.calls.set(id, this.fleet.rollcalls.get(id) ?? begun(accepted, target, name, args));
      this.note(deed);
      if (!deed.calls.get(id).done) await Promise.race([done, new Promise((r) => setTimeout(r, PATIENCE_MS))]);
      this.waiting.delete(id);
      if (!deed.calls.get(id).done) deed.calls.set(id, await get(`/api/commands/${id}`));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      deed.problem = error.message;
      if (deed.order.orders) deed.own.push({node: target, st: "fail", ms: null, err: error.message});
    }
    deed.left -= 1;
    this.note(deed);
    return deed;
  }

  note(deed) {
    const line = this.history.find((one) => one.deed === deed);
    if (line) line.said = deed.problem && !deed.order.orders ? deed.problem : summary(deed.rollcall());
    remember(this.history);
    this.changed(deed);
  }
}

/** "buzz", "groups of 3 nodes". */
export function titleOf({name, orders}) {
  return orders && orders.length > 1 ? `${name}, ${orders.length} nodes` : name;
}

function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(PLACE) ?? "[]");
  } catch {
    return [];
  }
}

function remember(history) {
  try {
    sessionStorage.setItem(PLACE, JSON.stringify(history.map(({deed, ...line}) => line)));
  } catch {
    return; // a browser that keeps nothing: the history ends with the page
  }
}
