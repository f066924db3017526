"""What a value of a site document may be, for the values that check themselves."""

# Chosen: a month is longer than anything in a building waits, and short enough to reckon with.
_LONGEST_S = 31 * 86_400.0


def refuse_negative(where: str, values: object, *names: str) -> None:
    """Raise a ValueError for a duration that is negative, no number, or longer than a month."""
    for name in names:
        seconds = getattr(values, name)
        # Asked in this form, what is not a number is refused too.
        if not seconds >= 0:
            raise ValueError(f"{where}: {name} is {seconds:g}; it is 0 or more")
        _refuse_endless(where, name, seconds)


def refuse_zero(where: str, values: object, *names: str) -> None:
    """Raise a ValueError for a duration that is not above 0, or longer than a month."""
    for name in names:
        seconds = getattr(values, name)
        if not seconds > 0:
            raise ValueError(f"{where}: {name} is {seconds:g}; it is above 0")
        _refuse_endless(where, name, seconds)


def _refuse_endless(where: str, name: str, seconds: float) -> None:
    if seconds > _LONGEST_S:
        raise ValueError(f"{where}: {name} is {seconds:g}; it is at most {_LONGEST_S:.0f}, a month")


def refuse_twins(where: str, what: str, ids: list[str]) -> None:
    """Raise a ValueError if two things have the same id."""
    twins = sorted({name for name in ids if ids.count(name) > 1})
    if twins:
        raise ValueError(f"{where}: two of its {what}s are called '{twins[0]}'; ids are unique")
