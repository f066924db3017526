"""What validation finds: the line, the frame, the rule, and what to do."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from training.data.label_noise import LabelNoise
from training.manifest import Manifest


class Rule(StrEnum):
    """What a manifest must keep."""

    MISSING_PICTURE = "missing-picture"
    BROKEN_PICTURE = "broken-picture"
    OTHER_PICTURE = "other-picture"
    NO_HASH = "no-hash"
    OTHER_SIZE = "other-size"
    EMPTY_BOX = "empty-box"
    OUTSIDE_BOX = "outside-box"
    ABSURD_BOX = "absurd-box"
    DOUBLE_BOX = "double-box"
    TWO_LABELS = "two-labels"
    REPEATED_PICTURE = "repeated-picture"
    DUPLICATE_ACROSS = "duplicate-across-splits"
    NEAR_ACROSS = "near-duplicate-across-splits"
    GROUP_ACROSS = "group-across-splits"
    FROZEN_LEAK = "frozen-leak"
    FROZEN_CHANGED = "frozen-changed"
    TOO_FEW = "too-few"
    ONE_CAMERA = "one-camera"
    LABEL_NOISE = "label-noise"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason to refuse a manifest.

    Attributes:
        rule: What is not kept.
        line: Of the manifest's file, from 1; 0 where it is about the whole.
        source: Of the frame; empty where it is about the whole.
        what: What is wrong.
        remedy: What to do.
    """

    rule: Rule
    line: int
    source: str
    what: str
    remedy: str


@dataclass(frozen=True, eq=False, slots=True)
class Report:
    """What a validation says.

    Attributes:
        manifest: That was validated.
        findings: Why it is refused, by line.
        allowed: What would be findings, of rules that were waived.
        noise: How wrong the labels are; None if no model read the pictures.
        counts: Frames by part, camera, light mode, slice and labeller.
    """

    manifest: Manifest
    findings: tuple[Finding, ...]
    allowed: tuple[Finding, ...]
    noise: LabelNoise | None
    counts: dict[str, dict[str, int]]

    @property
    def is_valid(self) -> bool:
        """Return whether nothing speaks against the manifest."""
        return not self.findings

    def as_json(self) -> dict[str, Any]:
        """Return the report for machines."""
        noise = None
        if self.noise is not None:
            noise = asdict(self.noise)
            del noise["doubts"]
        return {
            "manifest": str(self.manifest.path),
            "sha256": self.manifest.sha256,
            "frames": len(self.manifest.frames),
            "valid": self.is_valid,
            "findings": [asdict(one) for one in self.findings],
            "allowed": [asdict(one) for one in self.allowed],
            "label_noise": noise,
            "counts": self.counts,
        }


def by_line(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return findings in the order in which somebody corrects them: the whole, then by line."""
    return tuple(sorted(findings, key=lambda one: (one.line, one.rule.value, one.what)))
