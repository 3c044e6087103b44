// The start: one Fleet, one stream, one page at a time chosen by the path, and the strip on top.
// Owns the routing and the only timer; what pages show is theirs.

import {openStream} from "./api.js";
import {Dock} from "./commands.js";
import {perFrame, setAttribute, setHidden, setText} from "./dom.js";
import {LessonBanner} from "./lesson.js";
import "./rights.js";
import {Fleet} from "./state.js";
import {count, span} from "./units.js";
import {Wall} from "./wall.js";

// Every page: its path, and how it is made when it is first wanted. The navigation in index.html links to them;
// web.py answers their paths. A page has `element`, `show()`, `hide()` and `tick()`, twice a second.
const PAGES = [
  [/^\/$/, (query) => new Wall(fleet, query)],
  [/^\/node\/([^/]+)$/, async (query, id) => new (await import("./node.js")).NodePage(fleet, id, query)],
  [/^\/class$/, async () => new (await import("./class.js")).ClassPage(fleet)],
  [/^\/commands$/, async (query) => new (await import("./commands-page.js")).CommandsPage(fleet, query)],
  [/^\/leaderboard$/, async (query) => new (await import("./podium.js")).LeaderboardPage(fleet, query)],
  [/^\/timeline$/, async (query) => new (await import("./timeline.js")).TimelinePage(fleet, query)],
  [/^\/replay$/, async (query) => new (await import("./replay.js")).ReplayPage(fleet, query)],
  [/^\/join$/, async () => new (await import("./join.js")).JoinPage(fleet)],
  [/^\/report$/, async (query) => new (await import("./report.js")).ReportPage(fleet, query)],
];
const WITHOUT_DOCK = ["/class", "/leaderboard", "/commands", "/timeline", "/replay", "/report", "/join"];

const AMBER_MS = 2000;
const RED_MS = 5000;

const $ = (id) => document.getElementById(id);
const fleet = new Fleet();
const dock = new Dock(fleet, $("dock"));
new LessonBanner(fleet);
let page = null;

async function route() {
  const {pathname, search} = location;
  const [pattern, make] = PAGES.find(([pattern]) => pattern.test(pathname)) ?? PAGES[0];
  const names = (pathname.match(pattern) ?? []).slice(1).map(decodeURIComponent);
  dock.setTarget(pathname.startsWith("/node/") ? names[0] : "_all");
  dock.show(!WITHOUT_DOCK.includes(pathname));
  const wanted = await make(new URLSearchParams(search), ...names);
  if (location.pathname !== pathname) return; // meanwhile somebody went elsewhere
  page?.hide();
  document.title = "Sensor Fleet";
  page = wanted;
  $("main").replaceChildren(page.element);
  for (const link of document.querySelectorAll("[data-place]")) {
    setAttribute(link, "aria-current", link.getAttribute("href") === pathname ? "page" : null);
  }
  page.show();
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href^='/']:not([download])");
  const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
  if (!link || !plain) return;
  event.preventDefault();
  if (link.getAttribute("href") !== location.pathname + location.search) history.pushState(null, "", link.href);
  route();
  scrollTo(0, 0);
  $("main").focus({preventScroll: true});
});
addEventListener("popstate", route);

function patchStrip() {
  const nodes = [...fleet.nodes.values()];
  const online = nodes.filter((node) => node.state === "online").length;
  const rate = fleet.rate();
  const missing = fleet.missing();
  setText($("base"), fleet.base || "…");
  setText($("online"), fleet.ready ? `${online} / ${nodes.length}` : "– / –");
  setText($("rate"), rate === null ? "–" : rate < 10 ? rate.toFixed(1) : count(rate));
  setText($("missing"), fleet.ready ? count(missing) : "–");
  setAttribute($("missing-metric"), "data-level", missing ? "warn" : null);
  patchAge();
}

function patchAge() {
  const age = fleet.frameAge();
  const silence = fleet.silence();
  const level = age === null ? "wait" : silence > RED_MS ? "bad" : silence > AMBER_MS ? "warn" : "good";
  setAttribute($("age-metric"), "data-level", level);
  setText($("age-label"), age === null ? "connecting" : level === "good" && age > AMBER_MS ? "no news" : "last frame");
  setText($("age"), age === null ? "–" : span(age));
  setAttribute(document.body, "data-stale", level === "bad" ? "" : null);
  const where = fleet.broker.url_public ? ` at ${fleet.broker.url_public}` : "";
  const banner =
    level === "bad"
      ? "Connection lost — values are old. Trying again by itself."
      : fleet.ready && !fleet.broker.connected
        ? `The dashboard has no connection to the broker${where}. It tries again by itself; values are old.`
        : "";
  setText($("banner"), banner);
  setHidden($("banner"), !banner);
}

const paintStrip = perFrame(patchStrip);
fleet.subscribe(paintStrip);
setInterval(() => {
  patchAge();
  page?.tick();
}, 500);
route();
openStream(fleet);
