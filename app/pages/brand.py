"""The newspaper's own: its colour as a style sheet, and its logo.

The colour is used where it can be read: it is made darker on light paper, and lighter on dark
paper, until its contrast with the paper is that of WCAG 2.2, 1.4.3 (Contrast, minimum).
"""

from __future__ import annotations

import hashlib
from colorsys import hls_to_rgb, rgb_to_hls
from mimetypes import guess_type

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.web.options import Options
from app.web.problems import Problem
from app.web.site import Served

router = APIRouter(include_in_schema=False)
CONTRAST = 4.6
"""A little more than the 4.5 that text needs, as values are rounded to eight bits."""
LIGHT_PAPER, DARK_PAPER = "#efece4", "#2a2823"
"""The darkest and the lightest ground that links stand on, see ``site.css``."""
STEPS = 100
KEPT = "public, max-age=31536000, immutable"
RGB = tuple[float, float, float]


def luminance(colour: str) -> float:
    """The relative luminance of a colour, as WCAG 2.2 defines it.

    >>> luminance("#ffffff"), luminance("#000000")
    (1.0, 0.0)
    """
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in _parts(colour)
    )
    return round(0.2126 * red + 0.7152 * green + 0.0722 * blue, 6)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, from 1 to 21.

    >>> contrast("#ffffff", "#000000")
    21.0
    """
    darker, lighter = sorted([luminance(one), luminance(other)])
    return round((lighter + 0.05) / (darker + 0.05), 2)


def readable(colour: str, ground: str) -> str:
    """The colour itself if it can be read on a ground, else the nearest one that can.

    >>> readable("#7a1f1f", LIGHT_PAPER)
    '#7a1f1f'
    >>> contrast(readable("#ffee00", LIGHT_PAPER), LIGHT_PAPER) >= 4.5
    True
    """
    hue, lightness, saturation = rgb_to_hls(*_parts(colour))
    target = 0.0 if luminance(ground) > 0.2 else 1.0
    for step in range(STEPS + 1):
        tried = lightness + (target - lightness) * step / STEPS
        found = _hex(hls_to_rgb(hue, tried, saturation)) if step else _hex(_parts(colour))
        if contrast(found, ground) >= CONTRAST:
            break
    return found


def style_sheet(colour: str) -> str:
    """The style sheet of a newspaper's colour: the variables that ``site.css`` uses."""
    light, dark = readable(colour, LIGHT_PAPER), readable(colour, DARK_PAPER)
    return (
        f":root {{ --accent: {light}; --on-accent: {_text_on(light)}; }}\n"
        "@media (prefers-color-scheme: dark) { :root {"
        f" --accent: {dark}; --on-accent: {_text_on(dark)}; }} }}\n"
    )


def colour_address(options: Options) -> str | None:
    """The address of the style sheet of the newspaper's colour; ``None`` if it has none."""
    if options.colour is None:
        return None
    return f"/brand/colour.css?v={_digest(style_sheet(options.colour).encode())}"


def logo_address(options: Options) -> str | None:
    """The address of the newspaper's logo; ``None`` if it has none."""
    if options.logo is None or not options.logo.is_file():
        return None
    return f"/brand/logo?v={_digest(options.logo.read_bytes())}"


@router.get("/brand/colour.css")
async def colour(request: Request, site: Served) -> Response:
    """The style sheet of the newspaper's colour."""
    if site.options.colour is None:
        raise Problem(404, "this site has no colour of its own")
    return _kept(request, style_sheet(site.options.colour).encode(), "text/css")


@router.get("/brand/logo")
async def logo(request: Request, site: Served) -> Response:
    """The newspaper's logo."""
    path = site.options.logo
    if path is None or not path.is_file():
        raise Problem(404, "this site has no logo")
    content = await site.work.run(path.read_bytes)
    return _kept(request, content, guess_type(path.name)[0] or "application/octet-stream")


def _kept(request: Request, content: bytes, media_type: str) -> Response:
    """An answer that browsers keep: for long under the address that has its digest."""
    digest = _digest(content)
    current = request.query_params.get("v") == digest
    headers = {"ETag": f'"{digest}"', "Cache-Control": KEPT if current else "no-cache"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _parts(colour: str) -> RGB:
    """Red, green and blue from 0 to 1, of ``#7a1f1f`` or ``#a11``."""
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4))
    return red, green, blue


def _hex(parts: RGB) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)


def _text_on(ground: str) -> str:
    """Black or white, whichever can be read better."""
    return max(("#ffffff", "#14130f"), key=lambda text: contrast(text, ground))
