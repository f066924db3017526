"""How `headcount data` speaks on the terminal."""

from collections import Counter

from rich.console import RenderableType
from rich.table import Table

from training.data.agreement import Agreement, Comparison
from training.data.curation import Curated
from training.data.findings import Report
from training.data.label_noise import in_words
from training.data.splits import SplitOutcome
from training.manifest import Split

# Lines of a report that a terminal holds; the file has them all.
_MOST_FINDINGS = 40


def curated_tables(curated: Curated) -> list[RenderableType]:
    """Return what a curation took and left."""
    facts = _facts()
    grounds = Counter(pick.ground.value for pick in curated.picked)
    labels = Counter(pick.label.partition(":")[0] for pick in curated.picked)
    cameras = Counter(pick.frame.camera_id or "(none)" for pick in curated.picked)
    facts.add_row("frames in the pool", str(curated.pool))
    facts.add_row("near-duplicate groups", str(curated.groups))
    facts.add_row("taken", f"{len(curated.picked)}, for {_counted(grounds)}")
    facts.add_row("of cameras", _counted(cameras))
    facts.add_row("labels", _counted(labels))
    facts.add_row("frozen, untouched", str(curated.frozen))
    facts.add_row("left: near-duplicates", str(curated.near_duplicates))
    facts.add_row("left: nothing speaks for them", str(curated.unremarkable))
    facts.add_row("left: over the budget", str(curated.beyond_budget))
    facts.add_row("manifest", f"{curated.manifest.path}, sha256 {curated.manifest.sha256}")
    facts.add_row("why each was taken", str(curated.manifest.path.with_name("picked.csv")))
    return [facts]


def report_tables(report: Report) -> list[RenderableType]:
    """Return what a validation says."""
    facts = _facts()
    facts.add_row("manifest", f"{report.manifest.path}, sha256 {report.manifest.sha256}")
    facts.add_row("frames", str(len(report.manifest.frames)))
    for what, numbers in report.counts.items():
        if numbers:
            facts.add_row(what, _counted(Counter(numbers)))
    if report.noise is not None:
        noise = report.noise
        facts.add_row(
            "surely seen, not labelled", f"{in_words(noise.unlabelled)} of {noise.seen} faces"
        )
        facts.add_row(
            "labelled, without a trace", f"{in_words(noise.unseen)} of {noise.labelled} faces"
        )
    if report.allowed:
        facts.add_row("allowed", _counted(Counter(one.rule.value for one in report.allowed)))
    if report.is_valid:
        return [facts, "\nvalid"]
    table = Table(show_lines=True)
    for heading in ("line", "frame", "rule", "what is wrong", "what to do"):
        table.add_column(heading, overflow="fold")
    for one in report.findings[:_MOST_FINDINGS]:
        table.add_row(
            str(one.line or "all"), one.source or "", one.rule.value, one.what, one.remedy
        )
    rest = len(report.findings) - _MOST_FINDINGS
    more = f" {rest} more are not shown: --json or --html has them all." if rest > 0 else ""
    rules = _counted(Counter(one.rule.value for one in report.findings))
    return [facts, table, f"refused: {rules}.{more}"]


def split_table(outcome: SplitOutcome) -> RenderableType:
    """Return how many frames each part has, by camera."""
    cameras = sorted({frame.camera_id for frame in outcome.frames})
    table = Table("part", "frames", "share", *(name or "(no camera)" for name in cameras))
    for part in (*Split,):
        members = [frame for frame in outcome.frames if frame.split is part]
        if not members:
            continue
        by_camera = Counter(frame.camera_id for frame in members)
        table.add_row(
            part.value or "left out",
            str(len(members)),
            f"{len(members) / len(outcome.frames):.0%}",
            *(str(by_camera[name]) for name in cameras),
        )
    table.caption = (
        f"{outcome.units} units; left out: {outcome.guarded} too near in time to another part, "
        f"{outcome.beside_frozen} beside a frozen frame"
    )
    return table


def comparison_table(found: Comparison) -> RenderableType:
    """Return how pseudo-labels and the champion do against people."""
    table = Table("against people", "frames", "faces", "precision", "recall", "count MAE", "exact")
    rows: list[tuple[str, Agreement | None]] = [
        ("champion, all frames", found.champion),
        ("pseudo-labels", found.pseudo_labels),
        ("champion, the same frames", found.champion_there),
    ]
    for name, one in rows:
        if one is not None:
            table.add_row(
                name,
                str(one.frames),
                str(one.faces),
                *("-" if rate is None else f"{rate:.3f}" for rate in (one.precision, one.recall)),
                f"{one.count_mae:.2f}",
                f"{one.exact:.0%}",
            )
    table.caption = f"{found.left_for_review} frames left for review"
    return table


def _facts() -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(no_wrap=True)
    # A hash is copied whole or it is of no use.
    table.add_column(overflow="fold")
    return table


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in counts.most_common()) or "none"
