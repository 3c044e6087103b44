// The colours of the heat map: numbers to one of 32 shades between the tokens --heat-0 (low) and --heat-5 (high).
// Lightness rises all the way, so that the order can be seen without seeing hue; test_design.py holds it.

import {token} from "./tokens.js";

const STOPS = [0, 1, 2, 3, 4, 5].map((step) => `--heat-${step}`);
const SHADES = 32;
const CALM_MS = 60_000; // a range that has become too wide is narrowed after this, not at once

/** The range of the values in round numbers; it grows at once and shrinks slowly, so that colours do not flicker. */
export class Range {
  constructor() {
    this.forget();
  }

  forget() {
    this.low = this.high = null;
    this.fits = 0;
  }

  /** Take these values in; true when the range changed. */
  take(values, now) {
    if (!values.length) return false;
    let [least, most] = [Infinity, -Infinity];
    for (const value of values) [least, most] = [Math.min(least, value), Math.max(most, value)];
    const [low, high] = round(least, most);
    const known = this.low !== null;
    if (known && low >= this.low && high <= this.high) {
      if (low === this.low && high === this.high) this.fits = now;
      if (now - this.fits < CALM_MS) return false;
      [this.low, this.high] = [low, high];
    } else {
      const wider = known && low < this.high && high > this.low;
      [this.low, this.high] = wider ? [Math.min(low, this.low), Math.max(high, this.high)] : [low, high];
    }
    this.fits = now;
    return true;
  }

  /** 0 .. 1 */
  share(value) {
    return Math.min(1, Math.max(0, (value - this.low) / (this.high - this.low)));
  }
}

/** Bounds on a step of 1, 2 or 5 times a power of ten, of which the range holds about five. */
function round(least, most) {
  const rough = Math.max(most - least, Math.abs(most) * 0.005, 1e-9) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough * 0.999);
  const [low, high] = [Math.floor(least / step), Math.ceil(most / step)];
  const neat = (steps) => Number((steps * step).toPrecision(12));
  return [neat(low), neat(high > low ? high : low + 1)];
}

/** [{fill, ink}] from low to high; `ink` is the colour of text on `fill`, of at least 4.5:1. */
export function shades() {
  const stops = STOPS.map((name) => rgb(token(name)));
  return Array.from({length: SHADES}, (_, index) => {
    const at = (index / (SHADES - 1)) * (stops.length - 1);
    const below = Math.min(Math.floor(at), stops.length - 2);
    const mix = stops[below].map((low, part) => Math.round(low + (stops[below + 1][part] - low) * (at - below)));
    return {fill: `rgb(${mix.join(" ")})`, ink: luminance(mix) > 0.179 ? "#000" : "#fff"};
  });
}

export function shade(all, share) {
  return all[Math.round(share * (all.length - 1))];
}

function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** WCAG 2.1, relative luminance. */
function luminance(parts) {
  const linear = parts.map((part) => part / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
}
