"""Which frames are taken out of a pool, and why."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headcount.domain.terms import LightMode
from headcount.errors import ManifestError
from tests.data_pool import (
    OneEyedNetwork,
    framed,
    labelled,
    pooled,
    room,
    served,
    store,
    strong_reader,
)
from training.data.curation import Curated, Readers, Wish, curate
from training.data.pool import read_pool
from training.data.readings import Reading, read_predictions, uncertainty
from training.data.selection import Candidate, Ground, Quotas, select
from training.manifest import Manifest, Origin, Split, read_manifest

SURE, UNSURE = (20, 20, 24, 30, 0.9), (200, 90, 24, 30, 0.42)


def readers(**others: object) -> Readers:
    return replace(Readers(served(), strong_reader()), **others)  # type: ignore[arg-type]


def taken(pool: Manifest, out: Path, wish: Wish | None = None, **others: object) -> Curated:
    return curate(pool, out, wish or Wish(budget=10), readers(**others))


def candidate(number: int, **known: object) -> Candidate:
    about = {"camera_id": "hall", "uncertainty": 0.0, "disputed_faces": 0} | known
    return Candidate(f"{number:03}.png", **about)  # type: ignore[arg-type]


def nothing_near(index: int, others):
    return np.zeros(len(others), bool)


@given(
    st.lists(
        st.builds(
            Candidate,
            source=st.uuids().map(str),
            camera_id=st.sampled_from("abc"),
            uncertainty=st.floats(0, 1),
            disputed_faces=st.integers(0, 3),
            is_labelled=st.booleans(),
            is_drifted=st.booleans(),
        ),
        max_size=40,
    ),
    st.integers(1, 20),
)
def test_people_s_labels_come_first_and_the_budget_is_kept(candidates, budget: int) -> None:
    chosen = select(candidates, budget, Quotas(), nothing_near)

    indices = [pick.index for pick in chosen.picks]
    by_people = [number for number, one in enumerate(candidates) if one.is_labelled]
    assert len(indices) == len(set(indices)) <= budget
    assert set(indices[: len(by_people)]) <= set(by_people)
    assert len(set(indices) & set(by_people)) == min(budget, len(by_people))


def test_what_drifted_gets_its_share_and_the_rest_is_disputed_or_unsure() -> None:
    pool = [
        *(candidate(n, is_drifted=True) for n in range(20)),
        *(candidate(100 + n, disputed_faces=1 + n % 3) for n in range(20)),
        *(candidate(200 + n, uncertainty=0.5) for n in range(20)),
    ]

    chosen = select(pool, 10, Quotas(drifted=0.4), nothing_near)

    grounds = [pick.ground for pick in chosen.picks]
    assert grounds.count(Ground.DRIFTED) == 4
    assert grounds.count(Ground.DISAGREEMENT) == 3
    assert grounds.count(Ground.UNCERTAINTY) == 3


def test_a_busy_camera_does_not_crowd_out_the_others() -> None:
    busy = [candidate(n, disputed_faces=9, uncertainty=0.9) for n in range(50)]
    quiet = [candidate(100 + n, camera_id="loft", uncertainty=0.1) for n in range(50)]

    chosen = select([*busy, *quiet], 20, Quotas(cameras=0.5), nothing_near)

    assert sum(pick.index >= 50 for pick in chosen.picks) == 5


def test_a_frame_that_nothing_speaks_for_is_not_taken_to_fill_the_budget() -> None:
    pool = [candidate(n) for n in range(9)] + [candidate(9, uncertainty=0.2)]

    chosen = select(pool, 10, Quotas(), nothing_near)

    assert [pick.index for pick in chosen.picks] == [9]
    assert chosen.unremarkable == 9


def test_a_face_at_the_threshold_is_as_uncertain_as_can_be() -> None:
    def at(*scores: float) -> Reading:
        return Reading(np.zeros((len(scores), 4)), np.array(scores))

    assert uncertainty(at(0.4), 0.4) == pytest.approx(0.5)
    assert uncertainty(at(0.4, 0.4), 0.4) == pytest.approx(0.75)
    assert uncertainty(at(0.9, 0.05), 0.4) == 0


def test_each_frame_is_taken_with_its_picture_and_a_reason_in_words(tmp_path: Path) -> None:
    pool = pooled(
        tmp_path / "pool",
        [
            labelled(tmp_path / "pool", "a.png", 1, [SURE], camera_id="hall"),
            framed(tmp_path / "pool", "b.png", room(2, [SURE, UNSURE]), camera_id="hall"),
            framed(tmp_path / "pool", "c.png", room(3, [SURE]), camera_id="hall"),
        ],
    )

    curated = taken(pool, tmp_path / "out")

    written = read_manifest(tmp_path / "out/manifest.jsonl")
    assert [one.source for one in written.frames] == ["a.png", "b.png"]
    assert written.sha256 == curated.manifest.sha256
    assert all(written.picture(one).is_file() for one in written.frames)
    # Nobody else on the machine looks at them.
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    with (tmp_path / "out/picked.csv").open() as file:
        why = {row["source"]: (row["taken_for"], row["why"]) for row in csv.DictReader(file)}
    assert why["a.png"] == ("labelled by people", "people labelled it")
    assert why["b.png"] == (
        "uncertainty",
        "1 face scored within 0.15 of the threshold 0.4",
    )
    assert curated.unremarkable == 1


def test_a_pool_in_which_nothing_is_worth_a_look_is_refused_and_nothing_is_written(
    tmp_path: Path,
) -> None:
    pool = pooled(
        tmp_path / "pool",
        [framed(tmp_path / "pool", "a.png", room(1, [SURE]), camera_id="hall")],
    )

    with pytest.raises(ManifestError, match="None of the 1 frames is worth a look"):
        taken(pool, tmp_path / "out")

    assert not (tmp_path / "out").exists()


def test_of_near_duplicates_one_is_taken_and_people_s_first(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    darker = (room(1, [UNSURE]) * 0.97).astype(np.uint8)
    frames = [
        framed(folder, "a.png", darker),
        labelled(folder, "b.png", 1, [UNSURE]),
        framed(folder, "c.png", room(2, [UNSURE])),
    ]

    curated = taken(pooled(folder, frames), tmp_path / "out")

    assert [pick.frame.source for pick in curated.picked] == ["b.png", "c.png"]
    assert (curated.groups, curated.near_duplicates) == (1, 1)
    assert all(pick.frame.group for pick in curated.picked)


def test_nothing_near_a_frozen_frame_is_taken(tmp_path: Path) -> None:
    judged = labelled(tmp_path / "judges", "g.png", 1, [UNSURE], split=Split.GOLDEN)
    frames = [
        framed(tmp_path / "pool", "a.png", (room(1, [UNSURE]) * 0.97).astype(np.uint8)),
        labelled(tmp_path / "pool", "b.png", 2, [UNSURE], split=Split.DRIFTED),
        framed(tmp_path / "pool", "c.png", (room(2, [UNSURE]) * 0.97).astype(np.uint8)),
        framed(tmp_path / "pool", "d.png", room(3, [UNSURE])),
    ]

    curated = curate(
        pooled(tmp_path / "pool", frames),
        tmp_path / "out",
        Wish(budget=10),
        readers(),
        pooled(tmp_path / "judges", [judged]),
    )

    assert [pick.frame.source for pick in curated.picked] == ["d.png"]
    written = {one.source: one.split for one in curated.manifest.frames}
    assert written == {"b.png": Split.DRIFTED, "d.png": Split.NONE}


def test_two_readings_that_differ_are_a_reason(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    pool = pooled(
        folder,
        [
            framed(folder, "a.png", room(1, [(250, 20, 24, 30, 0.9), (280, 90, 24, 30, 0.9)])),
            framed(folder, "b.png", room(2, [SURE])),
        ],
    )

    curated = curate(
        pool,
        tmp_path / "out",
        Wish(budget=5),
        Readers(served(OneEyedNetwork()), strong_reader(), rival=served(name="yunet")),
    )

    (pick,) = curated.picked
    assert pick.frame.source == "a.png"
    assert pick.ground is Ground.DISAGREEMENT
    assert pick.why == "yunet counts 2 faces more"


def test_what_the_reading_is_sure_of_is_labelled_and_the_rest_left_for_review(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "pool"
    frames = [
        framed(folder, "a.png", room(1, [SURE]), light_mode=LightMode.INFRARED),
        framed(folder, "b.png", room(2, [SURE, UNSURE]), light_mode=LightMode.INFRARED),
        framed(folder, "c.png", room(3, [SURE]), light_mode=LightMode.DAY),
    ]

    curated = taken(
        pooled(folder, frames), tmp_path / "out", Wish(10, drifted=frozenset({"infrared"}))
    )

    known = {one.source: one for one in curated.manifest.frames}
    assert set(known) == {"a.png", "b.png"}
    assert (known["a.png"].origin, len(known["a.png"].faces)) == (Origin.MODEL, 1)
    assert known["a.png"].labelled_by.startswith("paint-1.0.0 sha256:" + "c" * 64)
    assert known["b.png"].origin is Origin.NOBODY
    labels = {pick.frame.source: pick.label for pick in curated.picked}
    assert labels == {
        "a.png": "pseudo-label: 1 face",
        "b.png": "left for review: 1 in doubt",
    }


def test_the_same_pool_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    pool = pooled(
        folder, [framed(folder, f"{seed}.png", room(seed, [UNSURE])) for seed in range(6)]
    )

    first, second = (taken(pool, tmp_path / name, Wish(budget=4)) for name in ("one", "two"))

    assert first.manifest.sha256 == second.manifest.sha256


def test_a_folder_of_pictures_is_a_pool_whose_folders_are_cameras(tmp_path: Path) -> None:
    store(room(1), tmp_path / "hall/0001.png")
    store(room(2), tmp_path / "loft/0001.png")
    (tmp_path / "notes.txt").write_text("no picture")

    pool = read_pool(tmp_path)

    assert [(one.source, one.camera_id) for one in pool.frames] == [
        ("hall/0001.png", "hall"),
        ("loft/0001.png", "loft"),
    ]
    assert all(len(one.sha256) == 64 for one in pool.frames)


def test_known_readings_are_taken_instead_of_the_champion_s(tmp_path: Path) -> None:
    folder = tmp_path / "pool"
    pool = pooled(folder, [framed(folder, "a.png", room(1)), framed(folder, "b.png", room(2))])
    results = tmp_path / "seen.json"
    results.write_text('[{"image_id": "b.png", "bbox": [1, 2, 30, 30], "score": 0.41}]')

    curated = taken(pool, tmp_path / "out", known=read_predictions(results))

    assert [pick.frame.source for pick in curated.picked] == ["b.png"]


def test_a_picture_that_is_not_the_one_vouched_for_is_refused(tmp_path: Path) -> None:
    frame = framed(tmp_path / "pool", "a.png", room(1))
    pool = pooled(tmp_path / "pool", [frame])
    store(room(2), tmp_path / "pool/a.png")

    with pytest.raises(ManifestError, match=r"a\.png has sha256 .*, and the manifest says"):
        taken(pool, tmp_path / "out")


@pytest.mark.parametrize(
    ("wish", "out", "message"),
    [
        (Wish(budget=0), "out", "The budget is 0 frames"),
        (Wish(budget=1, drifted=frozenset({"fog"})), "out", "no frame of fog.\nIts slices .* day"),
        (Wish(budget=1), "pool", "the pool's own folder"),
        (Wish(budget=1), "full", "is not an empty folder"),
    ],
)
def test_what_cannot_be_curated_is_refused(tmp_path, wish, out, message) -> None:
    pool = pooled(tmp_path / "pool", [framed(tmp_path / "pool", "a.png", room(1))])
    (tmp_path / "full").mkdir()
    (tmp_path / "full/old.png").write_bytes(b"of another time")

    with pytest.raises(ManifestError, match=message):
        taken(pool, tmp_path / out, wish)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "cannot be read as JSON"),
        ("{}", "is not a list"),
        ('[{"image_id": "a"}]', "entry 0: bbox is missing"),
        ('[{"image_id": "a", "bbox": [1, 2, 3, 4], "score": 7}]', "score 7"),
    ],
)
def test_predictions_that_are_none_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "seen.json").write_text(text)

    with pytest.raises(ManifestError, match=message):
        read_predictions(tmp_path / "seen.json")


def test_an_empty_pool_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="holds no picture"):
        read_pool(tmp_path)
    with pytest.raises(ManifestError, match="is not there"):
        read_pool(tmp_path / "nowhere")
