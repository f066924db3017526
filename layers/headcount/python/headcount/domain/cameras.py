"""What a site has decided about how its cameras are read: values that check themselves."""

from dataclasses import dataclass

from headcount.domain.bounds import refuse_zero

# Chosen: what is kept of a room has to fit into one item of 400 KB, whatever its site says.
_LONGEST_LATE_WINDOW_S = 120.0
# Chosen: a model that misses more than nineteen of twenty counts nothing.
_LOWEST_DETECTION_RATE = 0.05
# Chosen: a model that sees a face in every second empty frame counts nothing either.
_HIGHEST_FALSE_ALARM_RATE = 0.5
# Who asks for a longer confirmation wants to be surer, not to have more people out of sight.
_LONGEST_TURNED_AWAY_S = 300.0
# Chosen: half an hour at the default of five minutes. Nobody sits still, turned away, for so long.
_TURNS_UNTIL_FURNITURE = 6


@dataclass(frozen=True, slots=True)
class OccupancySettings:
    """How the estimator reads what the cameras of a room say.

    Attributes:
        vacancy_confirm_s: Seconds for which every camera must see nobody before the room is VACANT.
        observation_gap_s: Seconds without an observation after which a camera sees nothing.
        motion_threshold: Motion within a fragment above which somebody is there, 0 to 1.
        scene_change_threshold: Share of the picture differing from the vacant reference above
            which somebody or something is there, 0 to 1.
        detection_rate: Share of the faces in sight that the model finds, 0.05 to 1, where a
            camera has no rate of its own. A camera's own frames correct it.
        false_alarm_rate: Faces found in a frame that are none, on average, 0 to 0.5.
        turned_away_s: Seconds for which people keep out of sight, or sit still, on average;
            by default vacancy_confirm_s, up to five minutes.
        facing_s: Seconds for which they stay in sight, or move now and then, on average.
        static_face_s: Seconds for which a face must stand in one place, while nothing moves, to be
            taken for a poster.
        moved_scene_s: Seconds for which a changed scene speaks for a person though no face and no
            movement does; then it is moved furniture. By default six times turned_away_s.
        sensor_hold_s: Seconds for which a sensor's word for a person holds, if not taken back.
        heartbeat_s: Seconds after which a room speaks although nothing has changed.
        late_window_s: Seconds an observation may be late and still count, up to 120.
    """

    # Chosen: people turn their backs and sit still for up to ten minutes, so eleven are asked for.
    # At five, one room in some days was VACANT with a person in it (docs/occupancy.md).
    vacancy_confirm_s: float = 660.0
    # Chosen: twelve samples at the usual one every five seconds.
    observation_gap_s: float = 60.0
    # Measured through our own gateway: at most 0.012 in an empty corridor, at least 0.09 with a
    # person in it. A camera that encodes to a bit rate needs a threshold of its own.
    motion_threshold: float = 0.05
    # Measured there: 0 in an empty corridor, at least 0.056 with a person in it.
    scene_change_threshold: float = 0.02
    # Measured on labelled photographs of people at all distances (docs/occupancy.md).
    detection_rate: float = 0.8
    # Chosen: one frame in a hundred; `headcount camera calibrate` measures a camera's own.
    false_alarm_rate: float = 0.01
    turned_away_s: float | None = None
    # Chosen: as long as backs stay turned by default, so that half of a crowd is in sight.
    facing_s: float = 300.0
    # Chosen: nobody sits without moving for an hour.
    static_face_s: float = 3600.0
    moved_scene_s: float | None = None
    # Chosen: the usual hold time of a presence detector is five to fifteen minutes.
    sensor_hold_s: float = 900.0
    heartbeat_s: float = 300.0
    late_window_s: float = 30.0

    def __post_init__(self) -> None:
        refuse_zero("occupancy", self, "vacancy_confirm_s", "observation_gap_s", "heartbeat_s")
        refuse_zero("occupancy", self, "facing_s", "static_face_s", "sensor_hold_s")
        for name in ("turned_away_s", "moved_scene_s"):
            if getattr(self, name) is not None:
                refuse_zero("occupancy", self, name)
        if not 0 <= self.late_window_s <= _LONGEST_LATE_WINDOW_S:
            raise ValueError(
                f"occupancy: late_window_s is {self.late_window_s:g}; "
                f"wait 0 to {_LONGEST_LATE_WINDOW_S:g} seconds for what is late"
            )
        _refuse_rates("occupancy", self.detection_rate, self.false_alarm_rate)
        for name in ("motion_threshold", "scene_change_threshold"):
            value = getattr(self, name)
            if not 0 < value <= 1:
                raise ValueError(f"occupancy: {name} is {value:g}; it is a share above 0, up to 1")

    @property
    def turned_away_for_s(self) -> float:
        """Return for how many seconds people are out of sight on average."""
        if self.turned_away_s is not None:
            return self.turned_away_s
        return min(self.vacancy_confirm_s, _LONGEST_TURNED_AWAY_S)

    @property
    def moved_scene_held_s(self) -> float:
        """Return for how many seconds a changed scene alone speaks for a person."""
        if self.moved_scene_s is not None:
            return self.moved_scene_s
        return _TURNS_UNTIL_FURNITURE * self.turned_away_for_s


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera of a room, as far as the estimator cares.

    Attributes:
        id: Name within the site.
        view: Cameras with the same view see the same people; by default a camera has its own.
        motion_threshold: In place of the room's, where a camera is noisier or farther away.
        scene_change_threshold: In place of the room's.
        detection_rate: In place of the room's; what `headcount camera calibrate` measured.
        false_alarm_rate: In place of the room's, per frame; as measured.
        overlap: Share of the people in this view who are also in another view of the room.
    """

    id: str
    view: str = ""
    motion_threshold: float | None = None
    scene_change_threshold: float | None = None
    detection_rate: float | None = None
    false_alarm_rate: float | None = None
    overlap: float = 0.0

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a camera needs an id, e.g. 'lobby-1'")
        for name in ("motion_threshold", "scene_change_threshold"):
            value = getattr(self, name)
            if value is not None and not 0 < value <= 1:
                raise ValueError(
                    f"camera '{self.id}': {name} is {value:g}; it is a share above 0, up to 1"
                )
        _refuse_rates(f"camera '{self.id}'", self.detection_rate, self.false_alarm_rate)
        if not 0 <= self.overlap < 1:
            raise ValueError(
                f"camera '{self.id}': overlap is {self.overlap:g}; it is a share of 0 to below 1. "
                "Cameras that see the same people have the same view"
            )


def _refuse_rates(where: str, detection: float | None, false_alarms: float | None) -> None:
    if detection is not None and not _LOWEST_DETECTION_RATE <= detection <= 1:
        raise ValueError(
            f"{where}: detection_rate is {detection:g}; "
            f"it is a share of {_LOWEST_DETECTION_RATE} to 1"
        )
    if false_alarms is not None and not 0 <= false_alarms <= _HIGHEST_FALSE_ALARM_RATE:
        raise ValueError(
            f"{where}: false_alarm_rate is {false_alarms:g}; "
            f"it is faces a frame, 0 to {_HIGHEST_FALSE_ALARM_RATE}"
        )
