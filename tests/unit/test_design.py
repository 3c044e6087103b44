"""The design system is what docs/design.md says: colours are tokens, and every pair that is used is legible."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from support.tiers import ROOT

STATIC = ROOT / "dashboard" / "fleet_dashboard" / "static"
STATES = ("online", "sleeping", "offline", "lost", "silent")
TEXTS = ("text", "text-2", "text-3")
LEGIBLE = 4.5  # WCAG 2.1, 1.4.3 (AA) for text of any size

# (text, what it stands on), as the style sheets use them
PAIRS = [
    *((text, ground) for text in TEXTS for ground in ("page", "card")),
    *((text, "well") for text in ("text", "text-2")),
    *((text, "glow") for text in ("text", "text-2", "text-3", "online")),
    *((state, ground) for state in STATES for ground in ("page", "card")),
    ("accent", "page"),
    ("accent", "card"),
    ("on-accent", "accent"),
    ("card", "online"),
    ("page", "lost"),
    ("accent", "well"),
]
HEAT = [f"heat-{step}" for step in range(6)]


def tokens(theme: str) -> dict[str, str]:
    """The custom properties of a theme: the dark one is the light one with some said anew."""
    css = (STATIC / "app.css").read_text()
    blocks = re.findall(r'(:root(?:\[data-theme="dark"\])?) \{(.*?)\n\}', css, re.DOTALL)
    found: dict[str, str] = {}
    for selector, body in blocks:
        if theme == "dark" or selector == ":root":
            found.update(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", body))
    return found


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_is_legible_on_what_it_stands_on(theme: str) -> None:
    known = tokens(theme)
    faint = {
        f"{text} on {ground}": round(contrast(known[text], known[ground]), 2)
        for text, ground in PAIRS
        if contrast(known[text], known[ground]) < LEGIBLE
    }
    assert not faint, f"in the {theme} theme these are below {LEGIBLE}:1: {faint}"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_focus_and_states_can_be_told_from_the_ground(theme: str) -> None:
    known = tokens(theme)
    faint = [name for name in ("accent", *STATES) if contrast(known[name], known["page"]) < 3]
    assert not faint, f"WCAG 2.1, 1.4.11 asks for 3:1; in the {theme} theme below it: {faint}"


def test_the_heat_scale_grows_lighter_at_every_step() -> None:
    known = tokens("light")
    for low, high in pairwise(HEAT):
        assert luminance(known[high]) > 1.3 * luminance(known[low]), f"{high} is hardly lighter than {low}"


def test_both_themes_name_the_same_colours() -> None:
    light, dark = tokens("light"), tokens("dark")
    assert set(light) == set(dark)
    alike = {name for name in light if light[name] == dark[name]}
    assert alike == set(HEAT), f"the dark theme does not say what these are in the dark: {alike - set(HEAT)}"


def test_every_colour_comes_from_a_token() -> None:
    for path in STATIC.glob("*.css"):
        css = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
        css = re.sub(r"--[\w-]+:[^;]*;", "", css)  # where tokens are made
        css = re.sub(r"\[[^\]]*\]|url\([^)]*\)", "", css)
        loose = re.findall(r"#[0-9a-fA-F]{3,8}\b|\b(?:rgb|hsl|oklch)a?\([^)]*\)|:\s*(?:white|black|red|grey)\b", css)
        assert not loose, f"{path.name} has colours of its own: {loose}"


def test_every_token_that_is_used_exists_and_every_one_is_used() -> None:
    sheets = {path.name: path.read_text() for path in STATIC.glob("*.css")}
    drawn = "".join(path.read_text() for path in STATIC.glob("*.js"))
    made = set(re.findall(r"(--[\w-]+):", "".join(sheets.values())))
    used = set(re.findall(r"var\((--[\w-]+)", "".join(sheets.values())))
    assert used <= made, f"nobody says what these are: {used - made}"
    idle = {name for name in made - used if f'"{name}"' not in drawn and f"`--{name[2:]}" not in drawn}
    assert not idle, f"nobody uses these: {idle}"
