// The only place where SenML units become what people read, and numbers become text. Never keeps state.

// SenML code (RFC 8428, RFC 8798) -> [symbol, digits after the point]
const UNITS = {
  Cel: ["°C", 1],
  K: ["K", 1],
  "%RH": ["%", 1],
  "%": ["%", 1],
  "/": ["", 2],
  hPa: ["hPa", 1],
  Pa: ["Pa", 0],
  "m/s2": ["m/s²", 2],
  "rad/s": ["rad/s", 2],
  deg: ["°", 1],
  lx: ["lx", 0],
  lm: ["lm", 0],
  V: ["V", 2],
  mV: ["mV", 0],
  A: ["A", 2],
  mA: ["mA", 1],
  W: ["W", 1],
  m: ["m", 2],
  cm: ["cm", 1],
  mm: ["mm", 0],
  "m/s": ["m/s", 2],
  Hz: ["Hz", 1],
  s: ["s", 1],
  ms: ["ms", 0],
  ppm: ["ppm", 0],
  dB: ["dB", 0],
  dBm: ["dBm", 0],
  count: ["", 0],
  T: ["T", 6],
  uT: ["µT", 1],
};
export const MISSING = "–";

export function symbol(unit) {
  return UNITS[unit]?.[0] ?? unit ?? "";
}

/** The number of a value in the digits that its unit deserves; `–` for a failed or absent one. */
export function number(value, unit) {
  if (typeof value !== "number") return MISSING;
  const digits = UNITS[unit]?.[1] ?? (Number.isInteger(value) ? 0 : 2);
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text.replace("-", "−");
}

export function withUnit(value, unit) {
  const sign = symbol(unit);
  return sign && typeof value === "number" ? `${number(value, unit)} ${sign}` : number(value, unit);
}

/** The [unit, quantity] of a field as the birth certificate says; ["", field] before it has come. */
export function fieldOf(node, sensor, field) {
  return node.meta?.sensors?.[sensor]?.[field] ?? ["", field];
}

/** [[name, value]] by name: nodes send their sensors and fields in any order, people look for them in one place. */
export function inOrder(table) {
  return Object.entries(table ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** 12 -> "12", 1234 -> "1,234", 1234567 -> "1.2 M": counters that stay short on a projector. */
export function count(value) {
  if (typeof value !== "number") return MISSING;
  return value < 1e6 ? Math.round(value).toLocaleString("en") : `${(value / 1e6).toFixed(1)} M`;
}

/** What of a node's readings is not stored, of its `counts`: ["41 missing", "5 gone"]; empty when all is well. */
export function shortfall(counts) {
  const words = ["missing", "gone", "dropped"].filter((word) => counts?.[word] > 0);
  return words.map((word) => `${count(counts[word])} ${word}`);
}

/** A length of time in ms in one unit: "0.4 s", "12 s", "3 min", "2 h", "4 d". */
export function span(ms) {
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

/** The same in whole steps, for ages that are read in passing. */
export function ago(ms) {
  return ms < 1500 ? "just now" : `${span(Math.round(ms / 1000) * 1000).replace(".0", "")} ago`;
}

export function clock(utc) {
  return new Date(utc).toLocaleTimeString("en-GB");
}

/** Time of day, with the date in front when it is not today's. */
export function moment(utc) {
  const date = new Date(utc);
  const today = date.toDateString() === new Date().toDateString();
  return today ? clock(utc) : `${date.toLocaleDateString("en-GB", {day: "numeric", month: "short"})} ${clock(utc)}`;
}

/** The length of a chart's point in whole units: "100 ms", "6 s", "20 min", "12 h", "1 day". */
export function pointLength(ms) {
  if (ms < 1000) return `${ms} ms`;
  if (ms < 60e3) return `${ms / 1000} s`;
  if (ms < 3600e3) return `${ms / 60e3} min`;
  const days = ms / 86400e3;
  return days < 1 ? `${ms / 3600e3} h` : `${days} ${days === 1 ? "day" : "days"}`;
}

/** The label of a point on a time axis over `whole` ms: as much of date and time as tells it from its neighbours. */
export function axisTime(utc, whole) {
  const date = new Date(utc);
  const time = clock(utc);
  if (whole <= 1.5e6) return time; // else seconds say nothing
  if (whole <= 1.5 * 86400e3) return time.slice(0, 5);
  if (whole > 200 * 86400e3) return date.toLocaleDateString("en-GB", {month: "short", year: "numeric"});
  if (time !== "00:00:00") return time.slice(0, 5);
  return date.toLocaleDateString("en-GB", {weekday: "short", day: "numeric", month: "short"});
}

export function roundTrip(ms) {
  if (typeof ms !== "number") return "";
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** Why a node is in its state; of a paused one until when: "paused until 10:42". */
export function reason(node) {
  return node.paused ? `${node.why} until ${clock(node.paused).slice(0, 5)}` : node.why;
}
