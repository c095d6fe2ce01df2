"""The newspaper's own colour and logo, and whether what is written can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from serving import Server

from app.pages.brand import DARK_PAPER, LIGHT_PAPER, contrast, readable, style_sheet
from app.pages.static import FOLDER
from app.pages.strings import TEXTS

SHEET = (FOLDER / "site.css").read_text()
GROUNDS = ("paper", "panel", "shade")
ON = {
    **dict.fromkeys(("ink", "soft", "accent"), GROUNDS),
    "on-accent": ("accent",),
    "on-mark": ("mark",),
    "good": ("good-ground", "paper"),
    "warn": ("warn-ground", "paper"),
    "bad": ("bad-ground", "paper"),
    "ink": (*GROUNDS, "added", "removed", "good-ground", "warn-ground", "bad-ground"),
}


def variables(mode: str) -> dict[str, str]:
    """The colours of the style sheet in a mode."""
    blocks = re.findall(r":root \{(.*?)\}", SHEET, re.DOTALL)
    return dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", blocks[mode == "dark"]))


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_every_text_of_the_style_sheet_can_be_read_on_its_ground(mode: str) -> None:
    colours = variables(mode)
    low = {
        f"{text} on {ground}": contrast(colours[text], colours[ground])
        for text, grounds in ON.items()
        for ground in grounds
        if contrast(colours[text], colours[ground]) < 4.5
    }
    assert low == {}
    assert contrast(colours["edge"], colours["paper"]) >= 3  # the edges of fields


def test_the_grounds_that_a_colour_is_made_for_are_those_of_the_style_sheet() -> None:
    assert variables("light")["shade"] == LIGHT_PAPER
    assert variables("dark")["shade"] == DARK_PAPER


@pytest.mark.parametrize(
    "colour", ["#ffee00", "#000000", "#ffffff", "#7a1f1f", "#00ff7f", "#777777"]
)
def test_any_colour_of_a_newspaper_can_be_read_in_light_and_dark(colour: str) -> None:
    for ground in (LIGHT_PAPER, DARK_PAPER):
        assert contrast(readable(colour, ground), ground) >= 4.5
    for accent, text in re.findall(r"--accent: (\S+); --on-accent: (\S+);", style_sheet(colour)):
        assert contrast(accent, text) >= 4.5


def test_colour_and_logo_are_files_that_browsers_keep_until_they_change(
    home: Path, tmp_path: Path
) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    client = Server(home, colour="#7a1f1f", logo=logo, name="The Planet").ask()
    page = client.get("/login").text
    for address in re.findall(r'"(/brand/[^"]+)"', page):
        answer = client.get(address)
        assert "immutable" in answer.headers["cache-control"]
        tag = answer.headers["etag"]
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
        assert client.get(address.split("?")[0]).headers["cache-control"] == "no-cache"
    assert client.get("/brand/logo").headers["content-type"] == "image/svg+xml"
    assert 'alt="The Planet"' in page


def test_who_has_no_colour_and_no_logo_gets_none(reading: Server) -> None:
    client = reading.ask()
    assert client.get("/brand/colour.css").status_code == 404
    assert client.get("/brand/logo").status_code == 404
    assert "/brand/" not in client.get("/login").text


def test_every_word_of_the_pages_is_in_the_catalogue() -> None:
    """A template that asks for a word that is not there would fail when it is shown."""
    used = set()
    for page in FOLDER.with_name("html").rglob("*.html"):
        used |= set(re.findall(r"\btext\('([a-z_]+)'( ~)?", page.read_text()))
    begun = {key for key, joined in used if joined}
    assert {key for key, joined in used if not joined} - TEXTS.keys() == set()
    assert {each for each in begun if not any(key.startswith(each) for key in TEXTS)} == set()
