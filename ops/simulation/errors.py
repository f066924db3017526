"""What a simulation refuses."""

from headcount.errors import HeadcountError


class SimulationError(HeadcountError):
    """A recording, a setting or a room of the site cannot be simulated."""
