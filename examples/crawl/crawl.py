"""Reading the pages and ranking them."""

from __future__ import annotations

import csv
import math
import re
from html import escape
from pathlib import Path
from urllib.parse import urljoin

INK, FAINT, LINK, LEAF, CROWN = "#1f2933", "#66727f", "#8fa9b8", (191, 227, 220), (11, 110, 105)


def listed(index):
    """The pages that a sitemap lists."""
    urls = re.findall(r"<loc>(.*?)</loc>", Path(index).read_text())
    return [{"id": url.rsplit("/", 1)[-1].removesuffix(".html"), "url": url} for url in urls]


def read(page, link):
    """What is on a page, and where it leads."""
    text = Path(page).read_text()
    return {
        "id": link["id"],
        "url": link["url"],
        "size": len(text),
        "words": len(re.sub(r"<[^>]*>", " ", text).split()),
        "links": [urljoin(link["url"], target) for target in re.findall(r'href="(.*?)"', text)],
    }


def rank(pages, table):
    """Write the table: who is linked by those who are linked. The ranks add up to 1."""
    count = len(pages)
    linked = {page["url"]: 0 for page in pages}
    leads = {page["url"]: [url for url in page["links"] if url in linked] for page in pages}
    for targets in leads.values():
        for url in targets:
            linked[url] += 1
    ranks = dict.fromkeys(leads, 1 / count)
    for _ in range(60):
        lost = sum(ranks[url] for url, targets in leads.items() if not targets)
        after = dict.fromkeys(leads, 0.15 / count + 0.85 * lost / count)
        for url, targets in leads.items():
            for target in targets:
                after[target] += 0.85 * ranks[url] / len(targets)
        ranks = after
    found = [
        {"id": page["id"], "rank": round(ranks[page["url"]], 5), "linked": linked[page["url"]],
         "links": len(leads[page["url"]]), "size": page["size"], "words": page["words"]}
        for page in pages
    ]  # fmt: skip
    found.sort(key=lambda row: (-row["rank"], row["id"]))
    with open(table, "w", newline="") as file:
        writer = csv.DictWriter(file, list(found[0]))
        writer.writeheader()
        writer.writerows(found)
    return {"ranked": found}


def draw(pages, ranked, picture):
    """The site as a picture: pages on a ring, in the order of their rank, a curve for each link."""
    size, ring = 900, 320
    middle = size / 2
    most = max(row["rank"] for row in ranked)
    at = {}
    for place, row in enumerate(ranked):
        angle = 2 * math.pi * place / len(ranked) - math.pi / 2
        at[row["id"]] = (angle, middle + ring * math.cos(angle), middle + 20 + ring * math.sin(angle))
    ids = {page["url"]: page["id"] for page in pages}
    links = [(page["id"], ids[url]) for page in pages for url in page["links"] if url in ids]
    weight = {row["id"]: row["rank"] / most for row in ranked}
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 {size} {size}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{size}" height="{size}" fill="#ffffff"/>',
        f'<text x="24" y="38" font-size="21" font-weight="bold" fill="{INK}">The site, by who links to whom</text>',
        f'<text x="24" y="62" font-size="13" fill="{FAINT}">{len(pages)} pages and {len(links)} links; clockwise from '
        "the top in the order of their rank</text>",
    ]
    for start, end in sorted(links, key=lambda link: weight[link[1]]):
        (_, x1, y1), (_, x2, y2) = at[start], at[end]
        curve = f"M{x1:.1f},{y1:.1f} Q{middle:.1f},{middle + 20:.1f} {x2:.1f},{y2:.1f}"
        out.append(
            f'<path d="{curve}" fill="none" stroke="{shade(weight[end]) if weight[end] > 0.3 else LINK}" '
            f'stroke-width="{0.6 + 1.2 * weight[end]:.2f}" stroke-opacity="{0.3 + 0.4 * weight[end]:.2f}"/>'
        )
    for row in reversed(ranked):
        angle, x, y = at[row["id"]]
        radius = 4 + 15 * math.sqrt(weight[row["id"]])
        left = math.cos(angle) < -1e-9
        x_text, y_text = x + (radius + 6) * math.cos(angle), y + (radius + 6) * math.sin(angle)
        turn = math.degrees(angle) + (180 if left else 0)
        note = f"{row['id']}: rank {row['rank']:.4f}, linked by {row['linked']}, {row['words']:,} words"
        out.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius:.1f}" fill="{shade(weight[row["id"]])}" stroke="#ffffff" '
            f'stroke-width="1.5"><title>{escape(note)}</title></circle>'
            f'<text x="{x_text:.1f}" y="{y_text:.1f}" font-size="12.5" fill="{INK}" dominant-baseline="middle" '
            f'text-anchor="{"end" if left else "start"}" transform="rotate({turn:.1f} {x_text:.1f} {y_text:.1f})">'
            f"{escape(row['id'])}</text>"
        )
    out.append("</svg>")
    Path(picture).write_text("\n".join(out) + "\n", "utf-8")


def shade(weight):
    """A colour between the two: the higher the rank, the darker."""
    return "#" + "".join(
        f"{round(low + (high - low) * weight**0.5):02x}" for low, high in zip(LEAF, CROWN, strict=True)
    )
