// The few ways in which this page changes the document. Text from nodes only ever becomes text nodes:
// there is no innerHTML in this project.

const SVG = "http://www.w3.org/2000/svg";

/** An element: h("p", {class: "x", onclick: f, hidden: true}, "text", child, ...). */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

/** The style sheet of a page that is loaded when first wanted; the page waits, so that it is never shown without. */
export function loadStyle(href) {
  return new Promise((resolve) => {
    document.head.append(h("link", {rel: "stylesheet", href, onload: resolve, onerror: resolve}));
  });
}

/** A glyph of the sprite in index.html; decoration, the word beside it carries the meaning. */
export function glyph(id, className = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `glyph ${className}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "use"));
  setGlyph(svg, id);
  return svg;
}

export function setGlyph(svg, id) {
  setAttribute(svg.firstElementChild, "href", `#${id}`);
}

/** Write only what changed: an equal write would still cost style and layout. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function setAttribute(element, name, value) {
  if (value == null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

export function setHidden(element, hidden) {
  if (element.hidden !== hidden) element.hidden = hidden;
}

/**
 * Make the children of `parent` match `items` in order. `make(item)` builds an element once per key,
 * `update(element, item)` patches it; elements keep their identity, so focus and animations survive. What has
 * meanwhile become a child of another parent stays there.
 */
export function patchList(parent, items, key, make, update) {
  const old = parent.keyed ?? new Map();
  const fresh = new Map(items.map((item) => [key(item), old.get(key(item)) ?? make(item)]));
  for (const [id, element] of old) if (!fresh.has(id) && element.parentNode === parent) element.remove();
  let place = parent.firstElementChild;
  for (const item of items) {
    const element = fresh.get(key(item));
    update?.(element, item);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
  }
  parent.keyed = fresh;
}

/** Run `callback` at most once per animation frame, however often the returned function is called. */
export function perFrame(callback) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      callback();
    });
  };
}
