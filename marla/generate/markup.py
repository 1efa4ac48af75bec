"""HTML as it is found on the web: right, wrong, and misleading."""

from typing import NamedTuple

from .draws import Dice


class Url(NamedTuple):
    """The address of a page: `site` is scheme and host, `name` may end in a query."""

    site: str
    folder: str
    name: str

    def __str__(self) -> str:
        return f"{self.site}/{self.folder}/{self.name}"


class Base(NamedTuple):
    """What relative URLs of a page are relative to: a site, and the path of a folder from / to /."""

    site: str
    path: str


# None of these is a link to a page.
NO_LINKS = (
    '<a name="part-1"></a>',
    "<A ID=part-2>{}</A>",
    '<a class="note">{}</a>',
    '<a href="mailto:info@acorn.example?subject=Hello">{}</a>',
    "<a href=MAILTO:anna@maple.example>{}</a>",
    '<a href="javascript:void(0)" onclick="return open(\'/popup.html\')">{}</a>',
    "<A HREF='javascript:go(\"/next.html\")'>{}</A>",
    '<a href="tel:+1-555-0100">{}</a>',
    '<a data-href="/later.html">{}</a>',
    '<!-- <a href="/old/page.html">{}</a> -->',
    "<!-- {} > <A HREF=/older/page.html> -->",
    "<script>document.write('<a href=\"/written.html\">{}</a>');</script>",
    '<abbr href="/abbr.html" title="{}">{}</abbr>',
    '<img src="/images/{}.png" alt="<a href=/image.html>">',
    '<link rel="next" href="/next.html">',
)
# Some of it is broken, and none of it changes what is a link.
BETWEEN = (
    " {} ",
    " {} {} {} ",
    "\n<p>{} {} {} {}",
    "\n<p>{} {}</p>\n",
    "<br/>{}\n",
    "</div> {} ",
    "<b>{} <i>{}</b></i> ",
    " 3 < 4 & {} > {} ",
    "&nbsp;&copy {} &#233; &unknown; ",
    "\r\n\t<TD>{}\r\n",
    "<p class=>{} <br\n/>",
    '<ul\n><li id="{}">{}',
)
BASES = (
    '<base href="{}">',
    "<BASE HREF='{}'>",
    '<base target="_top" href="{}" />',
)
BEFORE = (
    "",
    "",
    "",
    "",
    ' class="nav"',
    " title='a > b'",
    ' data-href="/decoy.html"',
    " download",
    "\n  id=x",
)
AFTER = ("", "", "", "", ' target="_blank"', " rel=nofollow", "\n", ' title="more &gt;&gt;"')
AMPERSANDS = ("&amp;", "&amp;", "&#38;", "&#x26;", "&")
EQUALS = ("=", "=", "=", "=", " = ", "=\n")
QUOTES = ('"', '"', '"', '"', "'", "'", "")
ENDS = ("</body>\n</html>\n", "</body></html>", "</BODY>\n</HTML>", "", "<a hre", "\n<!-- end -->")


def html(dice: Dice, url: Url, targets: list[Url], phrases: list[str], least: int) -> str:
    """A page with links to the targets, in this order, and to nothing else.

    Args:
        url: the page's own.
        phrases: what its texts are made of.
        least: characters that the page has at least.
    """
    base = Base(url.site, f"/{url.folder}/{url.name.partition('?')[0]}".rpartition("/")[0] + "/")
    parts = [f"<!DOCTYPE html>\n<html lang=en>\n<head><title>{dice.of(phrases)}</title>\n"]
    own = dice.below(8) > 0
    if not own:
        base, tag = _other_base(dice, url, targets)
        parts.append(tag)
    elif dice.below(8) == 0:
        parts.append('<base target="_blank">')  # without href, which changes nothing
    parts.append('\n<link rel="stylesheet" href="/style.css">\n</head>\n<body>\n')
    for target in targets:
        itself = own and target == url and dice.below(2) == 0
        reference = "" if itself else _reference(dice, base, target)
        if itself or dice.below(8) == 0:
            reference += f"#part-{dice.below(4)}"
        parts += [_filled(dice, BETWEEN, phrases), _anchor(dice, reference, dice.of(phrases))]
        if dice.below(4) == 0:
            parts.append(_filled(dice, NO_LINKS, phrases))
    length = sum(map(len, parts))
    while length < least:
        parts.append(_filled(dice, BETWEEN, phrases))
        length += len(parts[-1])
    parts.append(dice.of(ENDS))
    return "".join(parts)


def _other_base(dice: Dice, url: Url, targets: list[Url]) -> tuple[Base, str]:
    """A base that the page gives itself, and the tag that says so."""
    other = dice.of(targets) if targets else url
    site = dice.of((url.site, other.site))
    path = dice.of(("/", f"/{other.folder}/", f"/{url.folder}/deep/"))
    reference = path if site == url.site and dice.below(2) else site + path
    return Base(site, path), dice.of(BASES).format(reference + dice.of(("", "index.html")))


def _reference(dice: Dice, base: Base, target: Url) -> str:
    """A URL of the target: absolute, or relative to the base in one of the ways that lead to it."""
    scheme = base.site.partition("//")[0]
    forms = [str(target)]
    if target.site.startswith(scheme):
        forms.append(str(target).removeprefix(scheme))
    if target.site == base.site:
        path = f"{target.folder}/{target.name}"
        forms = [*forms, f"/{path}", "../" * (base.path.count("/") - 1) + path]
        if base.path == f"/{target.folder}/":
            forms += [target.name, f"./{target.name}"]
    return dice.of(forms)


def _anchor(dice: Dice, reference: str, text: str) -> str:
    """An element that links to what the reference names."""
    quote = dice.of(QUOTES)
    if reference.endswith("/"):
        quote = quote or '"'  # or else it would be read as the end of an empty element
    value = reference.replace("&", dice.of(AMPERSANDS))
    tag = f"{dice.of(('a', 'a', 'A'))}{dice.of(BEFORE)} {dice.of(('href', 'href', 'HREF', 'Href'))}"
    end = dice.of(("</a>", "</a>", "</a>", "</A>", ""))  # one is not closed
    return f"<{tag}{dice.of(EQUALS)}{quote}{value}{quote}{dice.of(AFTER)}>{text}{end}"


def _filled(dice: Dice, templates: tuple[str, ...], phrases: list[str]) -> str:
    """One of the templates with phrases in its places."""
    return dice.of(templates).format(*(dice.of(phrases) for _ in range(4)))
