// A small line of recent values on a canvas: no axes, the newest value is the dot at the right.
// Owns only the pixels of the canvas it is given.

const SLOTS = 15; // fewer points than this begin at the right; the full 60 are 2 minutes at the usual period of 2 s

/** Draw `points` (newest last). Equal points draw a level line. Who draws many asks the page for no size or colour. */
export function drawSpark(canvas, points, {width, height}, colour) {
  if (!width || !height) return;
  const context = sharpContext(canvas, width, height);
  const values = points.filter((value) => typeof value === "number");
  if (values.length < 2) return;
  const [low, high] = range(values);
  const step = (width - 8) / (Math.max(SLOTS, points.length) - 1);
  const left = width - 4 - step * (points.length - 1);
  const x = (index) => left + index * step;
  const y = (value) => 4 + (height - 8) * (1 - (value - low) / (high - low));

  context.beginPath();
  let down = false;
  points.forEach((value, index) => {
    if (typeof value !== "number")
      down = false; // a failed reading is a gap, not a straight line
    else if (down) context.lineTo(x(index), y(value));
    else context.moveTo(x(index), y(value));
    down = typeof value === "number";
  });
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.lineJoin = "round";
  context.stroke();

  if (points.every((value) => typeof value === "number")) {
    context.lineTo(x(points.length - 1), height);
    context.lineTo(x(0), height);
    context.globalAlpha = 0.1;
    context.fillStyle = colour;
    context.fill();
    context.globalAlpha = 1;
  }
  const newest = points.at(-1);
  if (typeof newest !== "number") return;
  context.beginPath();
  context.arc(x(points.length - 1), y(newest), 3, 0, 7);
  context.fillStyle = colour;
  context.fill();
}

/** The 2d context of a canvas, cleared and scaled to real pixels. */
export function sharpContext(canvas, width, height) {
  const scale = devicePixelRatio || 1;
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

// Noise in the last digit must not look like a mountain: the span is at least 2 % of the value.
function range(values) {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const least = Math.max(Math.abs(high) * 0.02, 1e-6);
  const pad = Math.max(0, least - (high - low)) / 2;
  return [low - pad, high + pad];
}
