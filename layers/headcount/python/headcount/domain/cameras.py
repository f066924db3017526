"""What a site has decided about how its cameras are read: values that check themselves."""

from dataclasses import dataclass

from headcount.domain.bounds import refuse_zero

# Chosen: what is kept of a room has to fit into one item of 400 KB, whatever its site says.
_LONGEST_LATE_WINDOW_S = 120.0
_MOST_COUNTS = 99
# Chosen: a model that misses more than nineteen of twenty counts nothing.
_LOWEST_DETECTION_RATE = 0.05


@dataclass(frozen=True, slots=True)
class OccupancySettings:
    """How the estimator reads what the cameras of a room say.

    Attributes:
        vacancy_confirm_s: Seconds for which every camera must see nobody before the room is VACANT.
        observation_gap_s: Seconds without an observation after which a camera sees nothing.
        median_of: How many of the newest counts of a camera the estimate is the median of, 1 to 99.
        motion_threshold: Motion within a fragment above which somebody is there, 0 to 1.
        scene_change_threshold: Share of the picture differing from the vacant reference above
            which somebody or something is there, 0 to 1.
        detection_rate: Assumed share of the faces present that the model finds, for the interval;
            0.05 to 1.
        heartbeat_s: Seconds after which a room speaks although nothing has changed.
        late_window_s: Seconds an observation may be late and still count, up to 120.
    """

    # Chosen: people turn their backs for minutes, so minutes of agreement are asked for.
    vacancy_confirm_s: float = 300.0
    # Chosen: twelve samples at the usual one every five seconds.
    observation_gap_s: float = 60.0
    median_of: int = 5
    # Measured through our own gateway: at most 0.012 in an empty corridor, at least 0.09 with a
    # person in it. A camera that encodes to a bit rate needs a threshold of its own.
    motion_threshold: float = 0.05
    # Measured there: 0 in an empty corridor, at least 0.056 with a person in it.
    scene_change_threshold: float = 0.02
    detection_rate: float = 0.8
    heartbeat_s: float = 300.0
    late_window_s: float = 30.0

    def __post_init__(self) -> None:
        refuse_zero("occupancy", self, "vacancy_confirm_s", "observation_gap_s", "heartbeat_s")
        if not 1 <= self.median_of <= _MOST_COUNTS:
            raise ValueError(
                f"occupancy: median_of is {self.median_of}; take 1 to {_MOST_COUNTS} counts"
            )
        if not 0 <= self.late_window_s <= _LONGEST_LATE_WINDOW_S:
            raise ValueError(
                f"occupancy: late_window_s is {self.late_window_s:g}; "
                f"wait 0 to {_LONGEST_LATE_WINDOW_S:g} seconds for what is late"
            )
        if not _LOWEST_DETECTION_RATE <= self.detection_rate <= 1:
            raise ValueError(
                f"occupancy: detection_rate is {self.detection_rate:g}; "
                f"it is a share of {_LOWEST_DETECTION_RATE} to 1"
            )
        for name in ("motion_threshold", "scene_change_threshold"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"occupancy: {name} is {value:g}; it is a share above 0, up to 1")


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of a room, as far as the estimator cares.

    Attributes:
        id: Name within the site.
        view: Cameras with the same view see the same people; by default a camera has its own.
        motion_threshold: In place of the room's, where a camera is noisier or farther away.
        scene_change_threshold: In place of the room's.
    """

    id: str
    view: str = ""
    motion_threshold: float | None = None
    scene_change_threshold: float | None = None

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a camera needs an id, e.g. 'lobby-1'")
        for name in ("motion_threshold", "scene_change_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise ValueError(
                    f"camera '{self.id}': {name} is {value:g}; it is a share above 0, up to 1"
                )
