"""Every page of the dashboard for the tests that look at all of them: name, path, and what is there when it is ready.

The fleet they are shown is the class of support/crowd.py. A new page is one line here.
"""

PAGES = (
    ("wall", "/", ".slot[data-line]"),
    ("wall-map", "/?size=map", ".map-canvas"),
    ("node", "/node/ada", ".u-over"),
    ("class", "/class", ".roll tbody tr"),
    ("leaderboard", "/leaderboard", ".ranks li"),
    ("commands", "/commands", ".roster-rows li"),
    ("timeline", "/timeline", ".happening"),
    ("replay", "/replay", ".replay-wall .slot"),
    ("report", "/report", ".sheet h1"),
    ("join", "/join", ".join-form h1"),
    ("join-ticket", "/join#mqtt://ada:abcd-efgh-jkmn-pqrs@192.168.1.10/fleet", ".join-verdict[data-level=good]"),
)
SIZES = ("roomy", "compact", "dense", "map")  # of the wall
THEMES = ("light", "dark")
SCREENS = ((390, 844), (1280, 800), (1920, 1080))

# Text that is cut where it must not be: without the … that says so, or to less than some three letters.
CUT = """() => [...document.querySelectorAll("body *")].flatMap((element) => {
  const texts = [...element.childNodes].filter((child) => child.nodeType === 3);
  const own = texts.map((text) => text.data.trim()).join("");
  if (!own || element.closest(".unseen, .skip, .sprite, template, option, [hidden]")) return [];
  if (element.matches(".minor")) return []; // leaves out whole values, and the page of the node has them all
  const style = getComputedStyle(element);
  const {clientWidth, scrollWidth} = element;
  if (!clientWidth || style.overflowX === "visible" || scrollWidth <= clientWidth + 1) return [];
  const dotted = style.textOverflow === "ellipsis" && clientWidth >= 2 * parseFloat(style.fontSize);
  const scrolls = ["auto", "scroll"].includes(style.overflowX) || style.whiteSpace.startsWith("pre");
  return dotted || scrolls ? [] : [`${element.className || element.tagName}: ${own.slice(0, 40)}`];
})"""
