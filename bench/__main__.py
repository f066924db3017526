"""`python -m bench`: run every measurement and print it beside its first row."""

from rich.console import Console
from rich.table import Table

from bench import key_frame, room_day, verification

MEASUREMENTS = (key_frame, room_day, verification)


def main() -> None:
    """Print a table a measurement; the ratio is to the table's first row."""
    console = Console()
    for measurement in MEASUREMENTS:
        found = measurement.measure()
        table = Table("way", "CPU ms", "ratio", title=measurement.__doc__, title_justify="left")
        first = next(iter(found.values()))
        for way, milliseconds in found.items():
            table.add_row(way, f"{milliseconds:.1f}", f"{milliseconds / first:.2f}")
        console.print(table)


if __name__ == "__main__":
    main()
