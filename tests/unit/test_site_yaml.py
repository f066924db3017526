"""Whatever stands in a file, `headcount site validate` names a line and a remedy, or takes it."""

from pathlib import Path

import pytest

from ops.site_reading import Reading, examine_site

SITE = """\
id: hq
time_zone: UTC
rooms:
  - id: lab
    capacity: 3
    cameras: [{id: door}]
"""
CAPACITY = "capacity: 3"
# What is wrong: (the document, the line it is at, words of the fault).
REFUSED: dict[str, tuple[str, int, str]] = {
    "a tag that does not fit": (SITE.replace(CAPACITY, "capacity: !!int few"), 5, "read as int"),
    "a truth of neither kind": (SITE.replace(CAPACITY, "capacity: !!bool maybe"), 5, "as bool"),
    "a number of 5000 digits": (SITE.replace(CAPACITY, f"capacity: {'9' * 5000}"), 5, "cannot be"),
    "a number of 400 digits": (SITE.replace(CAPACITY, f"capacity: {'9' * 400}"), 5, "too large"),
    "an infinite number": (SITE.replace(CAPACITY, "capacity: .inf"), 5, "should be a number"),
    "no number": (SITE.replace(CAPACITY, "capacity: .nan"), 5, "should be a number"),
    "a truth for a number": (SITE.replace(CAPACITY, "capacity: true"), 5, "`true` is no number"),
    "a date for a number": (SITE.replace(CAPACITY, "capacity: 2026-13-40"), 5, "whole number"),
    "an infinite band": (
        SITE + "    policy: {bands: [{people: .inf, levels: {}}]}\n",
        7,
        "should be a number",
    ),
    "an infinite hold-off": (SITE + "    policy: {hold_off_s: .inf}\n", 7, "should be a number"),
    "an endless hold-off": (SITE + "    policy: {hold_off_s: 1e300}\n", 7, "hold_off_s is 1e+300"),
    "null rooms": ("id: hq\ntime_zone: UTC\nrooms:\n", 3, "should be a list"),
    "rooms of nothing": ("id: hq\ntime_zone: UTC\nrooms: [null, []]\n", 3, "should be a mapping"),
    "lists in lists": ("id: hq\ntime_zone: UTC\nrooms: [[[{id: x}]]]\n", 3, "should be a mapping"),
    "an empty key": (SITE + '"": 3\n', 7, "there is no key"),
    "a null key": (SITE + "~: 3\n", 7, "there is no key"),
    "a list for a key": (SITE + "? [a]\n: 3\n", 7, "a key is a list"),
    "a key given twice": (SITE + "id: again\n", 7, "given twice"),
    "a merge of a number": (SITE + "<<: 3\n", 7, "merges mappings"),
    "an alias of itself": ("&a\nid: hq\nrooms: *a\n", 1, "contains itself"),
    "an alias of nothing": (SITE.replace(CAPACITY, "capacity: *few"), 5, "undefined alias"),
    "half a character": ('id: "\\ud800"\n' + SITE[7:], 1, "half a character"),
    "a control character": ('id: "a\x07"\n', 1, "control character"),
    "two documents": (SITE + "---\n" + SITE, 7, "another document"),
    "a tab": ("id: hq\n\ttime_zone: UTC\n", 2, "tab"),
    "nothing": ("", 1, "the file is empty"),
    "no mapping": ("- hq\n", 1, "this is a list"),
    "brackets without end": ("id: " + "[" * 500 + "]" * 500 + "\n", 1, "nested more than 50"),
    "a folder of time zones": (SITE.replace("UTC", "Europe"), 2, "no time zone"),
    "a time zone too long": (SITE.replace("UTC", "x" * 5000), 2, "no time zone"),
    "an address that is none": (
        SITE.replace("{id: door}", '{id: door, source: "rtsp://[::1/stream"}'),
        6,
        "no path and no URL",
    ),
    "a login in a path": (
        SITE.replace("{id: door}", '{id: door, source: "rtsp://h/user=admin&password=s3cret"}'),
        6,
        "carries a login",
    ),
    "a holiday by number": (SITE + "    schedule: {holidays: [5]}\n", 7, "should be a date"),
}


def examine(document: str | bytes, folder: Path) -> Reading:
    path = folder / "site.yaml"
    path.write_bytes(document if isinstance(document, bytes) else document.encode())
    return examine_site(path)


@pytest.mark.parametrize("name", REFUSED)
def test_each_is_refused_at_its_line_with_a_remedy(name: str, tmp_path: Path) -> None:
    document, line, words = REFUSED[name]

    reading = examine(document, tmp_path)

    assert reading.site is None
    found = [fault for fault in reading.faults if words in fault.what]
    assert [fault.line for fault in found][:1] == [line]
    assert all(fault.remedy for fault in reading.faults)
    assert "s3cret" not in "".join(reading.lines())


@pytest.mark.parametrize(
    "document",
    [
        SITE.replace("\n", "\r\n"),
        "\ufeff" + SITE,
        SITE.replace(CAPACITY, "capacity: 0x1F"),
        SITE + "name: &a Größe\ncontacts: &a []\n",
        "%YAML 1.1\n---\n" + SITE,
    ],
    ids=["windows", "byte order mark", "hexadecimal", "an anchor anew", "an older YAML"],
)
def test_what_is_odd_and_right_is_taken(document: str, tmp_path: Path) -> None:
    assert examine(document, tmp_path).faults == ()


def test_aliases_of_aliases_do_not_fill_the_memory(tmp_path: Path) -> None:
    laughs = "a: &a [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True):
        laughs += f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n"

    (fault,) = examine(laughs, tmp_path).faults

    assert "more than 100000 values" in fault.what
