"""A bar chart as SVG, without any library."""

from __future__ import annotations

import csv
import platform
from html import escape

WIDTH, LEFT, RIGHT, TOP, BAR, GAP = 920, 150, 190, 96, 17, 7
INK, FAINT, GRID = "#1f2933", "#66727f", "#e4e8ec"
SHADES = ("#0b6e69", "#bfe3dc")


def draw(table, top, chart):
    """Draw the first `top` rows of the table into the file `chart`: length is lines of code, shade is branching."""
    with open(table, newline="") as file:
        rows = list(csv.DictReader(file))
    shown = [
        {"name": row["name"], "code": int(row["code"]), "modules": int(row["modules"]),
         "dense": int(row["branches"]) / max(1, int(row["code"]))}
        for row in rows[:top]
    ]  # fmt: skip
    most = max(row["code"] for row in shown)
    step = nice_step(most)
    scale = (WIDTH - LEFT - RIGHT) / most
    bottom = TOP + len(shown) * (BAR + GAP)
    height = bottom + 70
    low, high = min(row["dense"] for row in shown), max(row["dense"] for row in shown)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, sans-serif">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(24, 38, "The standard library of Python", 21, INK, weight="bold"),
        text(24, 62, f"Lines of code in its {len(shown)} largest packages, of {len(rows)}; Python "
                     f"{platform.python_version()}", 13, FAINT),
    ]  # fmt: skip
    for tick in range(0, most + 1, step):
        x = LEFT + tick * scale
        out.append(f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{bottom}" stroke="{GRID}"/>')
        out.append(text(x, bottom + 16, f"{tick:,}", 11, FAINT, anchor="middle"))
    for place, row in enumerate(shown):
        y = TOP + place * (BAR + GAP)
        length = max(1.0, row["code"] * scale)
        shade = mix((row["dense"] - low) / (high - low) if high > low else 0.5)
        note = f"{row['code']:,} in {row['modules']} module{'s' if row['modules'] != 1 else ''}"
        out.append(text(LEFT - 10, y + 13, row["name"], 12.5, INK, anchor="end"))
        out.append(
            f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR}" rx="2.5" fill="{shade}">'
            f"<title>{escape(row['name'])}: {note}, {row['dense'] * 100:.1f} branches in 100 lines</title></rect>"
        )
        out.append(text(LEFT + length + 8, y + 13, note, 11, FAINT))
    out += legend(bottom + 40, low, high)
    out.append("</svg>")
    with open(chart, "w", encoding="utf-8") as file:
        file.write("\n".join(out) + "\n")


def legend(y, low, high):
    """What the shades mean."""
    out = [text(LEFT, y + 11, f"branches in 100 lines: {low * 100:.0f}", 11, FAINT)]
    start = LEFT + 140
    for part in range(24):
        out.append(f'<rect x="{start + part * 5}" y="{y}" width="5.4" height="13" fill="{mix(part / 23)}"/>')
    out.append(text(start + 128, y + 11, f"{high * 100:.0f}", 11, FAINT))
    return out


def text(x, y, words, size, color, anchor="start", weight="normal"):
    """One line of text."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{color}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(words)}</text>'
    )


def mix(share):
    """A colour between the two shades: the denser, the darker."""
    dark, light = (tuple(int(shade[i : i + 2], 16) for i in (1, 3, 5)) for shade in SHADES)
    return "#" + "".join(f"{round(b + (a - b) * share):02x}" for a, b in zip(dark, light, strict=True))


def nice_step(most):
    """A round distance between grid lines, for about six of them."""
    step, factors = 1, (2, 2.5, 2)
    while most / step > 7:
        step = int(step * factors[0])
        factors = (*factors[1:], factors[0])
    return step
