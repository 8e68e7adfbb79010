"""Local time: windows and times of the day over zones, dates and changes of the clock, against a look at each minute."""

# pyright: basic
# Rows of tables, unpacked.

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cascade_dsl.ir.requirement import Window
from cascade_dsl.runtime.hours import edge, is_open, next_time, offset_of
from cascade_dsl.runtime.wall import zone_text

NS = 10**9
ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # half an hour
    "America/Sao_Paulo",  # until 2019 at midnight
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",  # lost a whole day in 2011
)
CHANGES = (
    datetime(2025, 3, 30),
    datetime(2025, 10, 26),
    datetime(2025, 3, 9),
    datetime(2025, 11, 2),
    datetime(2025, 4, 6),
    datetime(2025, 10, 5),
    datetime(2018, 11, 4),
    datetime(2018, 2, 18),
    datetime(2011, 12, 30),
    datetime(2026, 2, 15),
    datetime(2024, 2, 28),
)


def instant(zone: str, text: str, fold: int = 0) -> int:
    there = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(there.timestamp()) * NS


def local(zone: str, t_ns: int | None) -> str:
    if t_ns is None:
        return "never"
    return datetime.fromtimestamp(t_ns // NS, ZoneInfo(zone)).strftime("%a %d %H:%M %z")


def hours(start: str, end: str, *days: int) -> Window:
    (h, m), (to_h, to_m) = (map(int, text.split(":")) for text in (start, end))
    return Window(start_minute=60 * h + m, end_minute=60 * to_h + to_m, days=days)


def offset(zone: str):
    found = offset_of(zone)
    assert found is not None
    return found


# ---- the naive model: what a person with a clock and a calendar does ------------------------------------------------


def shows_time_in(window: Window, t_ns: int, zone: str) -> bool:
    there = datetime.fromtimestamp(t_ns // NS, ZoneInfo(zone))
    minute = there.hour * 60 + there.minute
    begun_today, begun_yesterday = there.date(), there.date() - timedelta(days=1)

    def on(day) -> bool:
        return not window.days or day.weekday() in window.days

    if window.start_minute < window.end_minute:
        return window.start_minute <= minute < window.end_minute and on(begun_today)
    return (minute >= window.start_minute and on(begun_today)) or (minute < window.end_minute and on(begun_yesterday))


INSTANTS = st.builds(
    lambda day, minutes: round((day.replace(tzinfo=UTC) + timedelta(minutes=minutes)).timestamp()) * NS,
    st.sampled_from(CHANGES),
    st.integers(-3 * 1440, 3 * 1440),
)
MINUTES = st.integers(0, 1439) | st.sampled_from([0, 60, 90, 120, 150, 180, 1410])
WINDOWS = st.builds(
    lambda start, end, days: Window(start_minute=start, end_minute=end, days=tuple(sorted(days))),
    MINUTES,
    MINUTES,
    st.sets(st.integers(0, 6), max_size=6),
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), INSTANTS, WINDOWS, st.integers(0, 59))
def test_a_window_is_open_while_the_clock_shows_a_time_in_it(zone: str, t_ns: int, window: Window, s: int) -> None:
    t_ns += s * NS
    where = offset(zone)
    now, until = edge(window, t_ns, where)
    assert now == is_open(window, t_ns, where) == shows_time_in(window, t_ns, zone)
    at = t_ns - t_ns % (60 * NS) + 60 * NS
    last = t_ns + 4 * 86400 * NS if until is None else min(until, t_ns + 4 * 86400 * NS)
    while at < last:
        assert shows_time_in(window, at, zone) == now, local(zone, at)
        at += 60 * NS
    if until is not None:
        assert until > t_ns
        assert shows_time_in(window, until, zone) != now, local(zone, until)
        assert shows_time_in(window, until - NS, zone) == now, local(zone, until)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), INSTANTS, MINUTES)
def test_a_time_of_the_day_is_when_the_clock_next_shows_it_or_jumps_over_it(zone: str, t_ns: int, minute: int) -> None:
    where = ZoneInfo(zone)
    found = next_time(minute, t_ns, offset(zone))
    at = t_ns
    before = datetime.fromtimestamp(at // NS, where).replace(tzinfo=None)
    while True:
        at += 60 * NS
        now = datetime.fromtimestamp(at // NS, where).replace(tzinfo=None)
        day = before.replace(hour=0, minute=0)
        wanted = [day + timedelta(days=n, minutes=minute) for n in range(3)]
        if any(before < want <= now for want in wanted):
            break
        before = now
    assert found == at, f"{local(zone, found)}, looked for {local(zone, at)}"


# ---- what it comes to, by name ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("window", "at", "expected"),
    [
        (hours("09:00", "18:00", 0, 1, 2, 3, 4), "2025-06-06T12:00", (True, "Fri 06 18:00 +0200")),
        (hours("09:00", "18:00", 0, 1, 2, 3, 4), "2025-06-06T18:00", (False, "Mon 09 09:00 +0200")),
        (hours("09:00", "18:00"), "2025-06-06T08:59:59", (False, "Fri 06 09:00 +0200")),
        # past midnight: of the day on which it begins
        (hours("22:00", "06:00", 4), "2025-06-07T03:00", (True, "Sat 07 06:00 +0200")),
        (hours("22:00", "06:00", 4), "2025-06-06T03:00", (False, "Fri 06 22:00 +0200")),
        (hours("22:00", "06:00", 4), "2025-06-07T23:00", (False, "Fri 13 22:00 +0200")),
        # 02:30 does not exist on 30 March: the clock jumps over it at 03:00
        (hours("02:30", "06:00"), "2025-03-30T01:59", (False, "Sun 30 03:00 +0200")),
        (hours("01:00", "02:30"), "2025-03-30T01:30", (True, "Sun 30 03:00 +0200")),
        (hours("02:15", "02:45"), "2025-03-30T01:30", (False, "Mon 31 02:15 +0200")),
        (hours("22:00", "06:00", 5), "2025-03-29T23:00", (True, "Sun 30 06:00 +0200")),
        # 02:30 comes twice on 26 October, and so does what is shown before it
        (hours("02:30", "06:00"), "2025-10-26T01:00", (False, "Sun 26 02:30 +0200")),
        (hours("02:30", "06:00"), "2025-10-26T02:45", (True, "Sun 26 02:00 +0100")),
        (hours("22:00", "06:00"), "2025-10-26T01:00", (True, "Sun 26 06:00 +0100")),
        # the whole day, and every day: it never turns
        (hours("00:00", "00:00"), "2025-06-06T12:00", (True, "never")),
        (hours("00:00", "24:00", 0), "2025-06-09T12:00", (True, "Tue 10 00:00 +0200")),
    ],
)
def test_windows_in_berlin(window: Window, at: str, expected: tuple[bool, str]) -> None:
    now, until = edge(window, instant("Europe/Berlin", at), offset("Europe/Berlin"))
    assert (now, local("Europe/Berlin", until)) == expected


@pytest.mark.parametrize(
    ("at", "fold", "time", "expected"),
    [
        ("2025-06-06T07:00", 0, "08:00", "Fri 06 08:00 +0200"),
        ("2025-06-06T08:00", 0, "08:00", "Sat 07 08:00 +0200"),
        ("2025-06-06T08:00:30", 0, "08:00", "Sat 07 08:00 +0200"),
        ("2025-03-30T01:00", 0, "02:30", "Sun 30 03:00 +0200"),
        ("2025-10-26T01:00", 0, "02:30", "Sun 26 02:30 +0200"),
        ("2025-10-26T02:40", 0, "02:30", "Sun 26 02:30 +0100"),
        ("2025-10-26T02:40", 1, "02:30", "Mon 27 02:30 +0100"),
    ],
)
def test_until_in_berlin(at: str, fold: int, time: str, expected: str) -> None:
    h, m = map(int, time.split(":"))
    found = next_time(60 * h + m, instant("Europe/Berlin", at, fold), offset("Europe/Berlin"))
    assert local("Europe/Berlin", found) == expected


def test_zones_are_read_however_they_are_given(tmp_path: Path) -> None:
    at = instant("Europe/Berlin", "2025-07-01T12:00")
    by_rule = offset_of("CET-1CEST,M3.5.0,M10.5.0/3")
    by_file = offset_of("/usr/share/zoneinfo/Europe/Berlin")
    assert by_rule is not None
    assert by_file is not None
    for text in ("2025-03-30T01:59:59", "2025-03-30T03:00", "2025-10-26T01:59:59", "2025-10-26T04:00"):
        moment = instant("Europe/Berlin", text)
        assert by_rule(moment) == by_file(moment) == offset("Europe/Berlin")(moment)
    assert offset("-0330")(at) == -12600 * NS
    assert offset("")(at) == 0
    for bad in ("Foo/Bar", "../../../etc/hostname", "nonsense !", "/etc/hostname", str(tmp_path), "\0", "ä"):
        assert offset_of(bad) is None, bad


def test_the_zone_is_that_of_the_environment() -> None:
    assert zone_text({"TZ": "Europe/Berlin"}) == "Europe/Berlin"
    assert zone_text({"TZ": ":America/New_York"}) == "America/New_York"
    assert offset_of(zone_text({})) is not None
