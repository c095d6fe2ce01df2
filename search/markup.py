"""Markup: what HTML and Markdown add to a text, which a hit does not show.

A tag is one of HTML's elements whose attributes have values, or are those that HTML lets stand
without one. The stored document stays as it is. A text without markup is returned as it is, and
what only looks like markup (``a < b``, ``<b and c>``, ``2 * 3``, ``snake_case``) stays. Each
pattern has a bound, so that the time grows with the length of the text only.
"""

from __future__ import annotations

import re
from html import unescape

ELEMENTS = (
    "a abbr address area article aside audio b base bdi bdo big blockquote body br button canvas"
    " caption center cite code col colgroup data dd del details dfn dialog dir div dl dt em embed"
    " fieldset figcaption figure font footer form frame h1 h2 h3 h4 h5 h6 head header hgroup hr"
    " html i iframe img input ins kbd label legend li link main map mark menu meta meter nav"
    " noscript object ol optgroup option output p param picture pre progress q rp rt ruby s samp"
    " script section select slot small source span strike strong style sub summary sup svg table"
    " tbody td template textarea tfoot th thead time title tr track tt u ul var video wbr"
)
"""HTML's elements. ``War & <peace>`` has none of them."""
BARE = (
    "allowfullscreen async autofocus autoplay checked compact controls declare default defer"
    " disabled download formnovalidate hidden inert ismap itemscope loop multiple muted nohref"
    " nomodule noresize noshade novalidate nowrap open playsinline readonly required reversed"
    " selected"
)
"""HTML's attributes that stand without a value. ``<b and c>`` has none of them: it is text."""
ATTRIBUTE = (
    r"(?>[^\s\"'<>/=]{1,100}\s{0,9}=\s{0,9}"
    r"(?:\"[^\"]{0,2000}\"|'[^']{0,2000}'|[^\s\"'<>=`][^\s<>]{0,2000})"
    rf"|(?:{'|'.join(BARE.split())})(?=[\s/>]))"
)
_NAME = f"(?:{'|'.join(ELEMENTS.split())})"
TAG = re.compile(
    rf"<{_NAME}(?:(?>\s{{1,100}}|(?<=[\"'])){ATTRIBUTE}){{0,100}}\s{{0,100}}/?>"
    rf"|</{_NAME}\s{{0,100}}>|<!doctype\s[^<>]{{0,200}}>",
    re.IGNORECASE,
)
BLOCK = re.compile(
    r"</?(?:p|div|br|li|ul|ol|h[1-6]|tr|td|th|table|blockquote|section|article|hr)\b",
    re.IGNORECASE,
)
UNSHOWN = (("<!--", "-->"), ("<script", "</script>"), ("<style", "</style>"))
"""Where a part begins and ends that no reader sees; one that begins with an element has its tag."""
ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
LINK = re.compile(
    r"!?\[([^\[\]\n]{0,1000})\]\((?:[^()\s]|\([^()\s]{0,500}\)){1,2000}"
    r"(?:\s\"[^\"\n]{0,500}\")?\)"
)
STRONG = re.compile(r"(?<![\w*\\])(\*{1,3}|~~)(?=[^\s*~])([^*~\n]{1,2000})(?<=[^\s*~])\1(?![\w*])")
UNDERLINED = re.compile(
    r"(?<![\w\\])(_{1,3})(?=[^\s_])((?:[^_\n]|(?<=[^\W_])_(?=[^\W_])){1,500})(?<=[^\s_])\1(?!\.?\w)"
)
CODE = re.compile(r"(`{1,3})([^`\n]{1,2000})\1")
REFERENCE = re.compile(
    r"^[ \t]{0,3}\[[^\[\]\n]{1,200}\]:[ \t]{1,9}\S{1,2000}.{0,500}$"
    r"|\[\^[^\[\]\n]{1,50}\]",
    re.MULTILINE,
)
"""Where a link leads, below the text; the number of a note."""
REFERRED = re.compile(r"!?\[([^\[\]\n]{1,1000})\] ?\[[^\[\]\n]{0,200}\]")
LISTED = re.compile(r"^[ \t]{0,9}[-+][ \t]", re.MULTILINE)
LINE = re.compile(
    r"^[ \t]{0,9}(?:#{1,6}[ \t]{1,9}|>[ \t]{1,9}|[-*+][ \t]{1,9}(?=\S)|```.{0,30}$"
    r"|[-*_]{3,80}[ \t]{0,9}$|={3,80}[ \t]{0,9}$"
    r"|\|?(?:[ \t]{0,9}:?-{1,80}:?[ \t]{0,9}\|){1,100}[-: \t]{0,80}$)",
    re.MULTILINE,
)
SIGNS = "<&[*_~`#>=|"


def without_markup(text: str) -> str:
    """The text as a reader sees it.

    >>> without_markup("<p>A <b>whale</b> &amp; a [ship](http://x.org/a_b)</p>")
    'A whale & a ship'
    >>> without_markup("a < b, 2 * 3 * 4, snake_case and AT&T")
    'a < b, 2 * 3 * 4, snake_case and AT&T'
    """
    if not any(sign in text for sign in SIGNS) and not LISTED.search(text):
        return text
    plain = TAG.sub(_between, _without_unshown(text)) if "<" in text else text
    plain = LINK.sub(r"\1", plain)
    if REFERENCE.search(plain):
        plain = REFERENCE.sub("", REFERRED.sub(r"\1", plain))
    plain = LINE.sub("", plain)
    plain = STRONG.sub(r"\2", plain)
    plain = UNDERLINED.sub(r"\2", plain)
    plain = CODE.sub(r"\2", plain)
    plain = ENTITY.sub(lambda found: unescape(found[0]), plain)
    return text if plain == text else plain.strip()


def _without_unshown(text: str) -> str:
    """The text without comments, scripts and styles; one that does not end stays."""
    for begin, end in UNSHOWN:
        lowered, pieces, place = text.lower(), [], 0
        if len(lowered) != len(text):  # places in it would be others in the text
            return text
        while (first := lowered.find(begin, place)) >= 0:
            last = lowered.find(end, first)
            if last < 0:
                break
            if begin != "<!--" and not TAG.match(text, first):  # <scripture> is text
                pieces.append(text[place : first + 1])
                place = first + 1
                continue
            pieces.append(text[place:first])
            place = last + len(end)
        text = "".join([*pieces, text[place:]])
    return text


def _between(tag: re.Match[str]) -> str:
    """What stands in place of a tag: a space where it ends a line or a paragraph."""
    return " " if BLOCK.match(tag[0]) else ""
