"""What a building calls a device group: checked, and written as one name."""

import pytest

from headcount.domain.points import BacnetReference, Point

LAMP = BacnetReference(12, "binary-output,3")


@pytest.mark.parametrize(
    ("point", "name"),
    [
        (Point(bacnet=LAMP), "bacnet://12/binary-output,3/present-value"),
        (Point("Lighting_Zone", "urn:hq#lobby-lights"), "urn:hq#lobby-lights"),
        (Point("brick:Lighting_Zone"), "brick:Lighting_Zone"),
    ],
)
def test_a_point_is_named_as_exactly_as_is_known(point, name):
    assert str(point) == name


@pytest.mark.parametrize(
    ("faulty", "says"),
    [
        (Point, "it says nothing"),
        (lambda: Point("lighting zone"), "brick_class is 'lighting zone'"),
        (lambda: BacnetReference(-1, "binary-output,3"), "device is -1"),
        (lambda: BacnetReference(4_194_303, "binary-output,3"), "0 to 4194302"),
        (lambda: BacnetReference(1, "binary-output 3"), "e.g. 'binary-output,3'"),
        (lambda: BacnetReference(1, "binary-output,4194303"), "instance of 0 to 4194302"),
        (lambda: BacnetReference(1, "binary-input,3"), "takes no command at a priority"),
        (lambda: BacnetReference(1, "analog-value,3", "Present Value"), "property is"),
    ],
)
def test_a_point_that_no_building_has_is_refused_with_what_would_be_right(faulty, says):
    with pytest.raises(ValueError, match=says):
        faulty()


@pytest.mark.parametrize(
    ("object_", "binary"), [("binary-value,1", True), ("multi-state-output,1", False)]
)
def test_a_binary_object_knows_only_on_and_off(object_, binary):
    assert BacnetReference(1, object_).is_binary() is binary
