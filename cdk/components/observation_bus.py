"""The bus that everything is said on, and what is kept of it for replay."""

from aws_cdk import Duration
from aws_cdk.aws_events import EventBus, EventPattern, Match
from constructs import Construct

from cdk.config import Stage
from headcount.bms_events import BMS_SOURCE
from headcount.events import FramesCounted


class ObservationBus(Construct):
    """The stage's bus, with an archive of what was seen and of what the BMS said.

    Decisions are not archived: a replay must never command a building.
    """

    def __init__(self, scope: Construct, construct_id: str, *, stage: Stage) -> None:
        super().__init__(scope, construct_id)
        # Removed with its stack, in production too: it holds nothing, and CDK gives it a name that
        # a retained one would keep the next deployment from using.
        self.bus = EventBus(self, "Bus", description=f"Headcount {stage.name}: every event.")
        self.archive = self.bus.archive(
            "Observations",
            description="What cameras saw and what the BMS said; no decisions.",
            event_pattern=EventPattern(
                source=Match.any_of(FramesCounted.source, Match.prefix(BMS_SOURCE))
            ),
            retention=Duration.days(stage.archive_days),
        )
