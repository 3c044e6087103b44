// The cells of the heat map: where each stands, and how each is drawn. Pure geometry and pixels, no document.

import {shade} from "./heat.js";
import {number} from "./units.js";
import {token} from "./tokens.js";

const GAP = 3;
const TITLE = 26; // height of a section's title
const HEIGHTS = [150, 124, 104, 88, 76, 66, 58, 50, 44, 38, 34, 30, 26, 22, 19]; // whole pixels: broken ones give seams
const FINGER = 30; // on a phone no cell is smaller
const PHONE = 600;
const NAMED = 46; // a cell of this height has room for a name above the value

/** The largest cells with which all sections fit `room` (px), or the smallest there are: {cells, titles, height}. */
export function layout(sections, width, room) {
  let placed;
  for (const height of HEIGHTS) {
    if (width < PHONE && height < FINGER) break;
    placed = place(sections, width, height);
    if (placed.height <= room) break;
  }
  return placed;
}

function place(sections, width, height) {
  const columns = Math.max(1, Math.floor((width + GAP) / (Math.round(height * 1.5) + GAP)));
  const step = (width + GAP) / columns;
  const cells = [];
  const titles = [];
  let y = 0;
  for (const {title, nodes} of sections) {
    if (title) {
      titles.push({text: `${title}  ${nodes.length}`, y: y + TITLE - 9});
      y += TITLE;
    }
    nodes.forEach((node, index) => {
      const column = index % columns;
      const x = Math.round(column * step);
      const right = Math.round((column + 1) * step) - GAP;
      const top = y + Math.floor(index / columns) * (height + GAP);
      cells.push({id: node.id, x, y: top, width: right - x, height, column, row: top});
    });
    y += Math.ceil(nodes.length / columns) * (height + GAP) + (title ? GAP * 2 : 0);
  }
  return {cells, titles, height: Math.max(1, y - GAP)};
}

/** The cell under a point, or undefined. */
export function cellAt(cells, x, y) {
  return cells.find((cell) => x >= cell.x && x < cell.x + cell.width && y >= cell.y && y < cell.y + cell.height);
}

/** The index that a key leads to from `index`, or null for a key that leads nowhere. */
export function neighbour(cells, index, key) {
  const last = cells.length - 1;
  if (key === "ArrowRight") return Math.min(last, index + 1);
  if (key === "ArrowLeft") return Math.max(0, index - 1);
  if (key === "Home") return 0;
  if (key === "End") return last;
  if (key !== "ArrowUp" && key !== "ArrowDown") return null;
  const from = cells[index];
  const down = key === "ArrowDown";
  let best = index;
  cells.forEach((cell, other) => {
    if (down ? cell.row <= from.row : cell.row >= from.row) return;
    const nearer = best === index || Math.abs(cell.row - from.row) < Math.abs(cells[best].row - from.row);
    const level = best !== index && cell.row === cells[best].row;
    if (nearer || (level && off(cell, from) < off(cells[best], from))) best = other;
  });
  return best;
}

function off(cell, from) {
  return Math.abs(cell.column - from.column);
}

/**
 * Draw one cell: `node` with its `head` (a reading of fields.js or null) by `paint` = {range, shades, byState, font}.
 * Whoever is not online is an outline with the shape of its state: the last value must not look like a live one.
 */
export function drawCell(context, cell, node, head, paint, lit) {
  const {x, y, width, height} = cell;
  context.clearRect(x - 1, y - 1, width + 2, height + 2);
  const value = typeof head?.value === "number" ? head.value : null;
  const live = node.state === "online";
  let ink = token("--text-2");
  box(context, x, y, width, height);
  if (live && !paint.byState && value !== null && paint.range.low !== null) {
    const look = shade(paint.shades, paint.range.share(value));
    context.fillStyle = look.fill;
    context.fill();
    ink = look.ink;
  } else {
    context.fillStyle = token(live ? "--well" : "--page");
    context.fill();
  }
  if (!live || paint.byState) {
    const colour = token(`--${node.state}`);
    if (!live) {
      context.strokeStyle = colour;
      context.lineWidth = 1.5;
      box(context, x + 1, y + 1, width - 2, height - 2);
      context.stroke();
    }
    const size = Math.min(height * (height >= NAMED ? 0.34 : 0.5), 26);
    shape(context, node.state, x + width / 2, y + height * (height >= NAMED ? 0.66 : 0.5), size, colour);
  } else if (height >= 24) {
    const size = height >= NAMED ? Math.min(height * 0.34, 30) : Math.min(height * 0.45, width / 3.4);
    write(context, number(value, head?.unit), x + width / 2, y + height * (height >= NAMED ? 0.66 : 0.52), {
      ink,
      font: `600 ${Math.round(size)}px ${paint.font}`,
    });
  }
  if (height >= NAMED) {
    const size = Math.round(Math.min(16, Math.max(11, height * 0.2)));
    const name = fit(context, node.name || node.id, width - 8, `${size}px ${paint.font}`);
    write(context, name, x + width / 2, y + height * 0.27, {ink, font: `${size}px ${paint.font}`});
  }
  if (!lit) return;
  context.strokeStyle = token("--text");
  context.lineWidth = 3;
  box(context, x + 1.5, y + 1.5, width - 3, height - 3);
  context.stroke();
}

function box(context, x, y, width, height) {
  context.beginPath();
  context.roundRect(x, y, width, height, Math.min(6, height / 6));
}

function write(context, text, x, y, {ink, font}) {
  context.font = font;
  context.fillStyle = ink;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillText(text, x, y);
}

/** As much of a text as fits, with … for the rest. */
function fit(context, text, width, font) {
  context.font = font;
  if (context.measureText(text).width <= width) return text;
  let length = text.length;
  while (length > 1 && context.measureText(`${text.slice(0, length)}…`).width > width) length -= 1;
  return `${text.slice(0, length)}…`;
}

/** The five shapes of the sprite in index.html, in its 16 x 16. */
const SHAPES = {
  online: "M8 1.5a6.5 6.5 0 1 0 0 13a6.5 6.5 0 1 0 0-13z",
  sleeping: "M6 1.6a6.6 6.6 0 1 0 8.4 8.4A5.6 5.6 0 0 1 6 1.6z",
  offline: "M8 2.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11z",
  lost: "M8 .8 15.6 14.6H.4z",
  silent: "M8 .9 15.1 8 8 15.1.9 8z",
};

function shape(context, state, x, y, size, colour) {
  const path = new Path2D(SHAPES[state]);
  context.save();
  context.translate(x - size / 2, y - size / 2);
  context.scale(size / 16, size / 16);
  context.fillStyle = context.strokeStyle = colour;
  context.lineWidth = 2;
  if (state === "offline") context.stroke(path);
  else context.fill(path);
  context.restore();
}
