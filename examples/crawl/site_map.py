"""The sites: gazetteers of small rivers. Made, not stored, and the same each time."""

from __future__ import annotations

import random

RIVERS = [
    "alde",
    "ant",
    "axe",
    "bain",
    "blyth",
    "bourne",
    "bure",
    "cam",
    "chelmer",
    "cherwell",
    "chet",
    "churnet",
    "clyst",
    "coln",
    "colne",
    "corve",
    "crane",
    "cuckmere",
    "dart",
    "deben",
    "dove",
    "eden",
    "ehen",
    "esk",
    "evenlode",
    "exe",
    "frome",
    "gade",
    "glaven",
    "granta",
    "itchen",
    "kennet",
    "lathkill",
    "lea",
    "leam",
    "lugg",
    "meon",
    "nar",
    "nene",
    "otter",
    "piddle",
    "rother",
    "stour",
    "tamar",
    "teme",
    "thet",
    "thurne",
    "wye",
]
REACHES = ["", "upper-", "lower-", "little-", "old-", "north-", "south-", "east-", "west-"]
WORDS = [
    "above",
    "along",
    "alder",
    "bank",
    "bend",
    "bridge",
    "broad",
    "chalk",
    "clear",
    "cold",
    "current",
    "deep",
    "downstream",
    "eddy",
    "evening",
    "fall",
    "ferry",
    "field",
    "ford",
    "gravel",
    "green",
    "heron",
    "island",
    "kingfisher",
    "lock",
    "low",
    "marsh",
    "mill",
    "moor",
    "morning",
    "mouth",
    "narrow",
    "old",
    "otter",
    "pool",
    "quiet",
    "rain",
    "reed",
    "ridge",
    "rush",
    "sand",
    "shallow",
    "silt",
    "slow",
    "source",
    "spring",
    "stone",
    "stream",
    "swift",
    "tide",
    "town",
    "trout",
    "upland",
    "valley",
    "village",
    "wade",
    "water",
    "weir",
    "willow",
    "winter",
    "wood",
]


def sites(count=1, pages=48):
    """So many sites with so many pages together, as even as can be; no two have a page of one name."""
    rivers = [reach + river for reach in REACHES for river in RIVERS]
    if not 1 <= count <= pages <= len(rivers):
        raise ValueError(f"there are pages for 1 to {len(rivers)}, and each site has one at least")
    shares = [rivers[at:pages:count] for at in range(count)]
    return [site(share, "rivers" if count == 1 else f"rivers {at}") for at, share in enumerate(shares)]


def site(rivers, seed):
    """Path → the bytes of each page. Older pages are linked more often, as they are everywhere."""
    chance = random.Random(seed)
    known = []
    links = {}
    for river in chance.sample(rivers, len(rivers)):
        # who is linked already is linked again: the pool holds a river three times, and once more for each link to it
        pool = [other for earlier in known for other in (earlier, earlier, earlier, *links[earlier])]
        links[river] = sorted({chance.choice(pool) for _ in range(chance.randint(2, 7))}) if pool else []
        known.append(river)
    links[known[0]] = known[1:6]
    return {f"/river/{river}.html": page(river, links[river], chance) for river in rivers}


def page(river, links, chance):
    """One page as HTML."""
    text = []
    for _ in range(chance.randint(4, 60)):
        words = [chance.choice(WORDS) for _ in range(chance.randint(30, 90))]
        text.append(f"<p>The {' '.join(words)}.</p>")
    for place, other in enumerate(links):
        text[place % len(text)] += f'\n<p>It meets the <a href="/river/{other}.html">{other.title()}</a>.</p>'
    body = "\n".join(text)
    return f"<!doctype html>\n<title>The {river.title()}</title>\n<h1>The {river.title()}</h1>\n{body}\n".encode()


def sitemap(base, paths):
    """The list of all pages, as search engines read it."""
    rows = "".join(f"<url><loc>{base}{path}</loc></url>\n" for path in paths)
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{rows}</urlset>\n'.encode()
