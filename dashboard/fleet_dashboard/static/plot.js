// Two ways to draw the columns of a Chart: with uPlot, or plainly on a canvas of our own where uPlot is missing.
// Owns no state; colours come from the style sheet.

import {h} from "./dom.js";
import {sharpContext} from "./spark.js";
import {axisTime, symbol, withUnit} from "./units.js";

export const HEIGHT = 220;

/** A uPlot in `chart.plot`: one y axis per unit (two are drawn), a band from min to max around each line. */
export function makePlot(chart, columns, width) {
  const css = getComputedStyle(chart.element);
  const units = [...new Set(chart.fields.map(({unit}) => unit))];
  const scales = Object.fromEntries(units.map((unit) => [unit, {auto: true, range: roomy}]));
  const options = {
    width,
    height: HEIGHT,
    ...seriesOf(chart, css),
    axes: axesOf(chart, css, units),
    scales: {x: {time: true}, ...scales},
    legend: {show: false},
    cursor: {y: false, points: {size: 7}},
    hooks: {drawClear: [(plot) => shade(chart, css, plot)], setCursor: [(plot) => chart.patchLegend(chart.nearest(plot))]},
  };
  return new chart.Plot(options, columns, chart.plot);
}

function seriesOf(chart, css) {
  const series = [{}];
  const bands = [];
  for (const field of chart.fields) {
    const [variable, dash] = field.style;
    const stroke = css.getPropertyValue(variable).trim();
    const edge = {scale: field.unit, stroke: "transparent", width: 0, points: {show: false}};
    const line = {label: field.name, scale: field.unit, stroke, dash, width: 2, points: {size: 5, fill: stroke}};
    series.push(line, edge, edge);
    bands.push({series: [series.length - 1, series.length - 2], fill: `${stroke}2e`}); // 18 % of the line's colour
  }
  return {series, bands};
}

function axesOf(chart, css, units) {
  const grid = {stroke: css.getPropertyValue("--line").trim(), width: 1};
  const font = `${css.getPropertyValue("--chart-font").trim()} ${css.fontFamily}`;
  const axis = {stroke: css.getPropertyValue("--text-2").trim(), font, ticks: {show: false}, grid};
  const times = (plot, ticks) => ticks.map((tick) => axisTime(tick * 1000, chart.to - chart.from));
  const numbers = (unit) => (plot, ticks) =>
    ticks.map((tick, index) => (index === ticks.length - 1 ? `${tick} ${symbol(unit)}` : String(tick)));
  return [
    {...axis, values: times, space: 90, size: 30, grid: {show: false}},
    ...units.slice(0, 2).map((unit, index) => {
      return {
        ...axis,
        scale: unit,
        size: 66,
        side: index ? 1 : 3,
        grid: {...grid, show: !index},
        values: numbers(unit),
      };
    }),
  ];
}

/** Below everything else: where times are only "no later than". */
function shade(chart, css, plot) {
  const {left, top, width, height} = plot.bbox;
  const x = (ms) => Math.min(Math.max(plot.valToPos(ms / 1000, "x", true), left), left + width);
  shadeSpans(plot.ctx, css, chart.series.bound, x, top, height);
}

function shadeSpans(context, css, bound, x, top, height) {
  context.save();
  context.fillStyle = css.getPropertyValue("--silent");
  context.globalAlpha = 0.16;
  for (const [from, to] of bound ?? []) context.fillRect(x(from), top, Math.max(x(to) - x(from), 2), height);
  context.restore();
}

/** At least a small span, so that noise in the last digit does not fill the chart. */
function roomy(plot, low, high) {
  if (low == null) return [0, 1];
  const pad = Math.max((high - low) * 0.12, Math.abs(high) * 0.005, 0.05);
  return [low - pad, high + pad];
}

/** The fallback: lines with the lowest and highest value at the left, and the two times below. */
export function drawPlain(chart, columns, width) {
  const canvas = chart.plot.firstElementChild ?? chart.plot.appendChild(h("canvas", {class: "plain"}));
  const context = sharpContext(canvas, width, HEIGHT);
  const css = getComputedStyle(chart.element);
  const x = (seconds) => 56 + ((width - 64) * (seconds * 1000 - chart.from)) / (chart.to - chart.from);
  const inside = (ms) => Math.min(Math.max(x(ms / 1000), 56), width - 8);
  shadeSpans(context, css, chart.series.bound, inside, 8, HEIGHT - 36);
  context.font = `12px ${css.fontFamily}`;
  const units = [...new Set(chart.fields.map(({unit}) => unit))];
  units.forEach((unit, place) => {
    const mine = chart.fields
      .map((field, index) => [field, columns[3 * index + 1]])
      .filter(([field]) => field.unit === unit);
    const [low, high] = roomy(null, ...extremes(mine.flatMap(([, values]) => values)));
    const y = (value) => 8 + (HEIGHT - 36) * (1 - (value - low) / (high - low));
    context.fillStyle = css.getPropertyValue("--text-2");
    context.fillText(withUnit(high, unit), place ? width - 70 : 0, 12);
    context.fillText(withUnit(low, unit), place ? width - 70 : 0, HEIGHT - 26);
    for (const [field, values] of mine) drawLine(context, css, field, values, (index) => x(columns[0][index]), y);
  });
  const whole = chart.to - chart.from;
  context.fillText(axisTime(chart.from, whole), 56, HEIGHT - 6);
  context.fillText(axisTime(chart.to, whole), width - 64, HEIGHT - 6);
}

function drawLine(context, css, field, values, x, y) {
  context.strokeStyle = css.getPropertyValue(field.style[0]);
  context.setLineDash(field.style[1]);
  context.lineWidth = 2;
  context.beginPath();
  values.forEach((value, index) => {
    if (value == null) return; // a gap
    if (index && values[index - 1] != null) context.lineTo(x(index), y(value));
    else context.moveTo(x(index), y(value));
  });
  context.stroke();
}

function extremes(values) {
  const numbers = values.filter((value) => value != null);
  return numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [null, null];
}
