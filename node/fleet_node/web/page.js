// The node's own page: it shows what /live tells, and sends commands to /cmd. All text of the node is set as text.
const at = (id) => document.getElementById(id);
const SPAN = 600; // tenths of a second that a curve shows; more if the readings are rarer
const UNITS = {Cel: "°C", "%RH": "%", "m/s2": "m/s²", lx: "lx"};
const AXES = {ax: "x", ay: "y", az: "z", gx: "x", gy: "y", gz: "z"};
const FIRST = ["temperature", "humidity", "pressure"]; // the others after these
const cards = new Map(); // "sensor field" -> what draws it
let meta = {sensors: {}, commands: {}};
let lastHeard = 0;
let trouble = ""; // why there was no link, the last time

class Card {
  constructor(sensor, field, unit, quantity) {
    this.points = []; // [tenths of a second of uptime, number or null]
    this.box = document.createElement("article");
    this.box.innerHTML = `<h2><b></b><span></span></h2><p class="value"><b>…</b> <small></small></p><figure>
      <svg viewBox="0 0 100 40" preserveAspectRatio="none" role="img"></svg>
      <figcaption><span></span><span></span></figcaption></figure>`;
    const [title, from] = this.box.querySelector("h2").children;
    title.textContent = AXES[field] ? `${quantity} ${AXES[field]}` : quantity;
    from.textContent = `${sensor} ${field}`;
    [this.value, this.unit] = this.box.querySelector(".value").children;
    [this.since, this.range] = this.box.querySelector("figcaption").children;
    this.unit.textContent = UNITS[unit] ?? unit;
    this.plot = this.box.querySelector("svg");
    this.box.dataset.field = `${sensor} ${field}`;
  }

  add(t, value) {
    if (this.points.length && t <= this.points.at(-1)[0]) return;
    this.points.push([t, value]);
    this.draw();
  }

  draw() {
    const [now, value] = this.points.at(-1) ?? [0, null];
    while (this.points.length > 60 && this.points[0][0] < now - SPAN) this.points.shift();
    this.value.textContent = value === null ? "no answer" : digits(value);
    this.unit.hidden = value === null;
    const known = this.points.map(([, one]) => one).filter((one) => one !== null);
    const [low, high] = [Math.min(...known), Math.max(...known)];
    const span = Math.max(now - this.points[0][0], SPAN);
    const room = Math.max(high - low, Math.abs(high) * .002, .1);
    const middle = (high + low) / 2;
    const lines = [[]]; // a gap where the sensor did not answer
    for (const [t, one] of this.points) {
      if (one === null) lines.push([]);
      else lines.at(-1).push(`${100 - 100 * (now - t) / span},${20 - 36 * (one - middle) / room}`);
    }
    this.plot.replaceChildren(...lines.filter((line) => line.length).map((line) => {
      const drawn = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
      drawn.setAttribute("points", line.join(" "));
      return drawn;
    }));
    const between = known.length ? `${digits(low)} to ${digits(high)}` : "";
    this.since.textContent = span > SPAN ? `the last ${Math.round(span / 600)} min` : "the last minute";
    this.range.textContent = between;
    this.plot.setAttribute("aria-label", `${this.since.textContent}: ${between}`);
  }
}

const digits = (value) => value.toFixed(Math.abs(value) >= 100 ? 1 : 2);

const HEARD = {
  meta(text) {
    meta = JSON.parse(text);
    document.title = at("name").textContent = meta.name;
    if (!cards.size) at("readings").append(...fieldsOf(meta).map(makeCard));
    const [, , low, high] = meta.commands.period[0];
    Object.assign(at("period"), {min: low / 1000, max: high / 1000});
    if (document.activeElement !== at("period")) at("period").value = meta.period / 1000;
  },

  state(text) {
    const state = JSON.parse(text);
    const up = state.link === "up";
    at("what").textContent = `node ${state.node}, ${meta.board}, a reading every ${meta.period / 1000} s`;
    at("broker").hidden = false;
    at("broker").dataset.state = up ? "good" : "wait";
    at("link").textContent = `${up ? "" : "not "}connected to ${state.where}`;
    const waiting = state.waiting === 1 ? "1 reading waits" : `${state.waiting} readings wait`;
    const why = state.why.charAt(0).toUpperCase() + state.why.slice(1);
    if (!up) trouble = why;
    const news = why === trouble ? "The host has not answered yet." : why; // the node judges it some seconds later
    at("why").textContent = up ? news : `${why} The node goes on without it; ${waiting} for it.`;
    if (state.link === "none") {
      at("broker").dataset.state = "good";
      at("link").textContent = "stand-alone";
      at("why").textContent = "No broker is set: this node shows itself here, and nowhere else.";
    }
    at("commands").hidden = !state.may;
    const pause = state.pause ? `Readings pause for ${state.pause} s. ` : "";
    const turned = state.refused || state.cut ? `, ${state.refused} requests refused, ${state.cut} too slow` : "";
    at("foot").textContent = `${pause}Up for ${age(state.up)}, ${state.viewers} looking${turned}.`;
  },

  past(text) {
    const {s, f, t, v} = JSON.parse(text);
    const card = cards.get(`${s} ${f}`);
    if (!card || !t.length) return;
    card.points = t.map((one, number) => [one, v[number]]);
    card.draw();
  },

  tele(text) {
    const [sensor, reading] = split(text);
    for (const [field, value] of Object.entries(reading.v)) {
      cards.get(`${sensor} ${field}`)?.add(Math.floor(reading.up / 100), value);
    }
  },

  event(text) {
    const [input, told] = split(text);
    say(`${input}: ${told.event_type}`);
  },
};

function fieldsOf({sensors}) {
  const every = Object.entries(sensors).flatMap(([sensor, fields]) =>
    Object.entries(fields).map(([field, [unit, quantity]]) => ({sensor, field, unit, quantity})));
  const place = ({quantity}) => (FIRST.indexOf(quantity) + FIRST.length + 1) % (FIRST.length + 1);
  return every.sort((one, other) => place(one) - place(other) || one.field.localeCompare(other.field)
    || one.sensor.localeCompare(other.sensor));
}

function makeCard({sensor, field, unit, quantity}) {
  const card = new Card(sensor, field, unit, quantity);
  cards.set(`${sensor} ${field}`, card);
  return card.box;
}

function split(text) {
  const blank = text.indexOf(" ");
  return [text.slice(0, blank), JSON.parse(text.slice(blank + 1))];
}

function age(seconds) {
  if (seconds < 120) return `${seconds} s`;
  return seconds < 7200 ? `${Math.floor(seconds / 60)} min` : `${Math.floor(seconds / 3600)} h`;
}

function say(text, state = "") {
  at("said").textContent = text;
  at("said").dataset.state = state;
}

function show(state, text) {
  at("live").dataset.state = state;
  at("live").textContent = text;
  document.body.classList.toggle("silent", state !== "good");
}

function listen() {
  const live = new EventSource("live");
  for (const [kind, hear] of Object.entries(HEARD)) {
    live.addEventListener(kind, ({data}) => {
      lastHeard = Date.now();
      show("good", "live");
      hear(data);
    });
  }
  live.onerror = () => {
    const full = live.readyState === EventSource.CLOSED;
    show("bad", full ? "four look at this node already: trying again" : "the node does not answer");
    if (full) setTimeout(listen, 3000);
  };
}

async function send(name, args) {
  say(`${name} …`);
  try {
    const asked = {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(args)};
    const ack = await (await fetch(`cmd/${name}`, asked)).json();
    const good = ["ok", "done"].includes(ack.st);
    say(`${ack.cmd}: ${ack.st}${ack.err ? `, ${ack.err}` : ""}`, good ? "good" : "bad");
  } catch {
    say(`${name}: the node does not answer`, "bad");
  }
}

at("form").onsubmit = (submitted) => {
  submitted.preventDefault();
  send("period", {ms: Math.round(at("period").value * 1000)});
};
for (const name of ["identify", "buzz"]) {
  document.querySelector(`[data-command=${name}]`).onclick = () => send(name, {});
}
setInterval(() => {
  if (lastHeard && Date.now() - lastHeard > 5000) show("bad", "the node does not answer");
}, 1000);
at("what").textContent = "";
listen();
