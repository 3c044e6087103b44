// The colours of app.css for those who draw: read once per theme, not once per stroke.

let known = new Map();
addEventListener("themechange", () => (known = new Map()));

/** The value of a token, such as "--accent". */
export function token(name) {
  if (!known.has(name)) known.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return known.get(name);
}
