"""The catalogue: what is known of models, and what is refused before it is served."""

import json
from dataclasses import asdict
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from headcount.errors import ModelError
from tests.graphs import centerface_graph, other_graph, yolox_graph, yunet_graph
from training.catalogue import SHIPPED, Catalogue
from training.download import MAX_REDIRECTS, Answer, download
from training.model_file import MAX_BYTES, examine
from training.package import build_model, card_of, model_folder
from training.serving.detector import InputSize
from training.serving.endpoint import ModelCard
from training.weights import BUILD, sha256_of

ENTRY = """
models:
  - name: ours
    version: "2"
    finds: faces
    adapter: yunet
    sha256: {sha256}
    source: our own
    input: {{min_long_side_px: 640, max_long_side_px: 640}}
    threshold: {threshold}
"""


@pytest.fixture
def catalogue(tmp_path: Path) -> Catalogue:
    return Catalogue.read(tmp_path / "models")


def test_every_model_that_is_known_says_where_it_is_from_and_under_which_licence(
    catalogue: Catalogue,
) -> None:
    for entry in catalogue.known.values():
        assert "not stated" not in (entry.licence, entry.trained_on, entry.source)
    assert catalogue.entries()[0].name == SHIPPED
    assert [catalogue.is_here(entry.name) for entry in catalogue.entries()] == [True, False, False]


@pytest.mark.skipif(
    not (BUILD / "model/centerface.onnx").exists(), reason="make build fetches the weights"
)
def test_the_shipped_file_is_the_one_that_the_catalogue_names(catalogue: Catalogue) -> None:
    shipped = catalogue.find(SHIPPED)

    assert sha256_of(shipped.path) == shipped.entry.sha256
    assert examine(shipped.path).adapter.name == shipped.entry.adapter


def test_a_file_of_ones_own_is_served_like_the_known_model_of_its_form(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = yunet_graph(tmp_path / "Our Faces (2).onnx")

    described = catalogue.describe(path).entry

    like = catalogue.known["yunet-n"]
    assert (described.name, described.version) == ("our-faces-2", sha256_of(path)[:12])
    assert (described.input, described.threshold) == (like.input, like.threshold)
    assert (described.licence, described.trained_on) == ("not stated", "not stated")


def test_an_input_that_the_file_fixes_is_the_size_that_is_said(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = yolox_graph(tmp_path / "people.onnx", side_px=96)

    assert catalogue.describe(path).entry.input == InputSize(96, 96)


def test_what_is_brought_can_be_found_by_its_name_and_by_its_file(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = yolox_graph(tmp_path / "people.onnx")
    described = catalogue.describe(path, name="people", threshold=0.3, licence="MIT")

    catalogue.add(described, source="https://example.com/people.onnx")
    again = Catalogue.read(catalogue.folder)

    assert again.find("people").entry == again.describe(path).entry
    assert again.resolve("people").path.read_bytes() == path.read_bytes()
    assert again.resolve(path).entry.threshold == 0.3
    assert again.entry("people").source == "https://example.com/people.onnx"


def test_what_is_removed_is_gone_with_its_file(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add(catalogue.describe(yunet_graph(tmp_path / "ours.onnx")), source="ours")

    Catalogue.read(catalogue.folder).remove("ours")

    assert not (catalogue.folder / "ours.onnx").exists()
    with pytest.raises(ModelError, match="no model 'ours'"):
        Catalogue.read(catalogue.folder).find("ours")


def test_a_name_is_one_model(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add(catalogue.describe(yunet_graph(tmp_path / "ours.onnx")), source="ours")
    other = catalogue.describe(centerface_graph(tmp_path / "other.onnx"), name="ours")
    shipped = catalogue.describe(centerface_graph(tmp_path / "other.onnx"), name=SHIPPED)

    for taken in (other, shipped):
        with pytest.raises(ModelError, match="is taken"):
            Catalogue.read(catalogue.folder).add(taken, source="theirs")


def test_a_file_that_was_exchanged_is_not_served(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.add(catalogue.describe(yunet_graph(tmp_path / "ours.onnx")), source="ours")
    yolox_graph(catalogue.folder / "ours.onnx")

    with pytest.raises(ModelError, match="is not the file that the catalogue says"):
        Catalogue.read(catalogue.folder).find("ours")


def test_a_model_that_is_known_and_not_here_says_where_it_is_from(catalogue: Catalogue) -> None:
    with pytest.raises(ModelError, match=r"is not here\.\nBring it: .*libfacedetection"):
        catalogue.resolve("yunet-n")
    with pytest.raises(ModelError, match="The catalogue has centerface, yunet-n"):
        catalogue.resolve("yunet-m")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("models: [", "cannot be read as YAML"),
        ("- name: ours", "no list `models`"),
        ("models:\n  - ours", r"models.yaml:2: model '': .*dictionary|models.yaml:2: model ''"),
        (ENTRY.format(sha256="ab", threshold=0.5), r"models.yaml:3: model 'ours': sha256: 'ab'"),
        (ENTRY.format(sha256="a" * 64, threshold=7), r"'ours': threshold: .*less than 1"),
        (
            ENTRY.format(sha256="a" * 64, threshold=0.5).replace("yunet", "retina"),
            "adapter: 'retina' is none of centerface, yunet, yolox",
        ),
        (
            ENTRY.format(sha256="a" * 64, threshold=0.5).replace("640}", "64}"),
            "input: input sizes must be",
        ),
        (ENTRY.format(sha256="a" * 64, threshold=0.5) + "    colour: red", "colour: Extra"),
        (
            ENTRY.format(sha256="a" * 64, threshold=0.5)
            + ENTRY.format(sha256="b" * 64, threshold=0.5).partition("models:\n")[2],
            "two models 'ours'",
        ),
    ],
)
def test_an_entry_that_is_wrong_is_named_with_its_line(
    tmp_path: Path, text: str, says: str
) -> None:
    (tmp_path / "models.yaml").write_text(text)

    with pytest.raises(ModelError, match=says):
        Catalogue.read(tmp_path)


def test_a_training_jobs_model_is_who_its_card_says(catalogue: Catalogue, tmp_path: Path) -> None:
    path = centerface_graph(tmp_path / "model.onnx")
    _write_card(path, sha256_of(path))

    entry = catalogue.describe(path).entry

    assert (entry.name, entry.version, entry.threshold) == ("centerface", "1.3.0", 0.46)
    assert entry.input == InputSize(320, 480)


def test_a_card_of_another_file_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    path = centerface_graph(tmp_path / "model.onnx")
    _write_card(path, "f" * 64)

    with pytest.raises(ModelError, match="is of another file"):
        catalogue.describe(path)


def test_a_model_is_packaged_under_the_name_and_version_it_is_given(
    catalogue: Catalogue, tmp_path: Path
) -> None:
    path = centerface_graph(tmp_path / "model.onnx")
    trained = catalogue.describe(path, name="centerface", version="1.1.0", threshold=0.5)
    (tmp_path / "package").mkdir()

    card = ModelCard.read(model_folder(trained, tmp_path / "package") / "model.json")

    assert (card.name, card.version, card.sha256) == ("centerface", "1.1.0", sha256_of(path))
    assert card_of(trained)["threshold"] == 0.5
    assert asdict(card.size) == card_of(trained)["input"]


def test_a_model_beside_another_has_to_find_persons(catalogue: Catalogue, tmp_path: Path) -> None:
    faces = catalogue.describe(yunet_graph(tmp_path / "faces.onnx"))
    persons = catalogue.describe(yolox_graph(tmp_path / "persons.onnx"))

    for first, beside in ((faces, faces), (persons, persons), (persons, faces)):
        with pytest.raises(ModelError, match="goes beside one that finds faces"):
            build_model("local", first, person_model=beside)


@pytest.mark.parametrize("length", [0, 10, 300, -1])
def test_a_file_that_breaks_off_is_refused(tmp_path: Path, length: int) -> None:
    path = yunet_graph(tmp_path / "half.onnx")
    path.write_bytes(path.read_bytes()[:length])

    with pytest.raises(ModelError, match=r"half\.onnx .*(it breaks off|no network in it)"):
        examine(path)


def test_a_file_that_is_no_detector_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no detector known here"):
        examine(other_graph(tmp_path / "other.onnx"))
    with pytest.raises(ModelError, match="no adapter 'retina'"):
        examine(other_graph(tmp_path / "other.onnx"), "retina")
    with pytest.raises(ModelError, match="is no file"):
        examine(tmp_path)
    with pytest.raises(ModelError, match="No such file"):
        examine(tmp_path / "missing.onnx")


def test_operators_that_the_runtime_has_not_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"onnxruntime [\d.]+ cannot load it .*opset"):
        examine(other_graph(tmp_path / "newer.onnx", opset=99))


def test_weights_in_another_file_are_refused(tmp_path: Path) -> None:
    path = yunet_graph(tmp_path / "split.onnx")
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="split.data", size_threshold=0)

    with pytest.raises(ModelError, match="keeps weights in other files"):
        examine(path)


def test_weights_in_another_file_inside_a_branch_are_refused_too(tmp_path: Path) -> None:
    far = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[1])
    far.data_location = TensorProto.EXTERNAL
    far.external_data.add(key="location", value="/etc/passwd")
    result = helper.make_tensor_value_info("far", TensorProto.FLOAT, [1])
    branch = helper.make_graph([], "branch", [], [result], [far])
    choose = helper.make_node("If", ["yes"], ["map"], then_branch=branch, else_branch=branch)
    yes = helper.make_tensor_value_info("yes", TensorProto.BOOL, [])
    graph = helper.make_graph([choose], "g", [yes], [result])
    (tmp_path / "branch.onnx").write_bytes(helper.make_model(graph).SerializeToString())

    with pytest.raises(ModelError, match="keeps weights in other files"):
        examine(tmp_path / "branch.onnx")


def test_scores_that_are_no_probabilities_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="a sigmoid was left out"):
        examine(yolox_graph(tmp_path / "logits.onnx", gain=8.0))


def test_boxes_that_were_decoded_before_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="they were decoded already"):
        examine(yolox_graph(tmp_path / "decoded.onnx", log_sides=(40.0, 90.0)))


def test_a_grid_of_another_step_is_refused(tmp_path: Path) -> None:
    path = yunet_graph(tmp_path / "coarse.onnx")
    model = onnx.load(path)
    for node in model.graph.node:
        if node.output[0] == "cls8":
            node.attribute[0].CopyFrom(helper.make_attribute("strides", [16, 16]))
    onnx.save(model, path)

    with pytest.raises(ModelError, match="output cls_8 has shape"):
        examine(path)


def test_a_file_that_no_processor_could_serve_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    with pytest.raises(ModelError, match="at most 256 are taken"):
        examine(tmp_path / "huge.onnx")


class FakeWeb:
    """Answers by address, and remembers what it was asked."""

    def __init__(self, **pages: Answer) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def __call__(self, url: str) -> "FakeWeb":
        self.asked.append(url)
        return self

    def __enter__(self) -> Answer:
        return self.pages[self.asked[-1].rpartition("/")[2].partition("?")[0].removesuffix(".onnx")]

    def __exit__(self, *_: object) -> None: ...


def _page(*chunks: bytes, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, named, iter(chunks))


def _unwatched(done: int, total: int | None) -> None: ...


def test_an_address_is_followed_to_its_file(tmp_path: Path) -> None:
    web = FakeWeb(
        latest=_page(status=302, location="../files/ours.onnx?token=1"), ours=_page(b"ab", b"c")
    )

    path = download("https://example.com/r/latest", tmp_path, _unwatched, web)

    assert (path.name, path.read_bytes()) == ("ours.onnx", b"abc")
    assert web.asked[1] == "https://example.com/files/ours.onnx?token=1"


@pytest.mark.parametrize(
    ("url", "page", "says"),
    [
        ("ftp://example.com/a", _page(), "only http and https"),
        ("file:///etc/passwd", _page(), "only http and https"),
        ("https://[::1/a", _page(status=302, location="b"), "it cannot be fetched"),
        ("https://example.com/a", _page(status=404), "the server answers 404"),
        ("https://example.com/a", _page(status=302, location="a"), "more than 5 times"),
        ("https://example.com/a", _page(status=302, location="http://x.org/a"), "without https"),
        ("http://example.com/a", _page(status=301, location="file:///x"), "only http and https"),
        ("https://example.com/a", _page(content_length="999999999"), "larger than 256 MB"),
        ("https://example.com/a", _page(b"ab", content_length="3"), "broke off after 2 of 3"),
    ],
)
def test_what_does_not_come_within_bounds_is_refused(
    tmp_path: Path, url: str, page: Answer, says: str
) -> None:
    web = FakeWeb(a=page)

    with pytest.raises(ModelError, match=says):
        download(url, tmp_path, _unwatched, web)
    assert len(web.asked) <= MAX_REDIRECTS + 1


def test_a_server_that_never_ends_is_cut_off(tmp_path: Path) -> None:
    web = FakeWeb(a=Answer(200, {}, iter(lambda: bytes(1024**2), b"")))

    with pytest.raises(ModelError, match="larger than 4 MB"):
        download("https://example.com/a", tmp_path, _unwatched, web, most_bytes=4 * 1024**2)


@pytest.mark.parametrize(
    ("end", "name"),
    [("ours.onnx", "ours.onnx"), ("..", "model"), ("%2e%2e%2fours", "ours"), ("", "model")],
)
def test_a_file_is_named_after_the_end_of_its_address(tmp_path: Path, end: str, name: str) -> None:
    web = FakeWeb(**{end.removesuffix(".onnx"): _page(b"abc")})

    path = download(f"https://example.com/{end}", tmp_path, _unwatched, web)

    assert (path.parent, path.name) == (tmp_path, name)


def test_a_login_in_an_address_is_never_repeated(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        download(
            "https://me:secret@example.com/a?token=secret",
            tmp_path,
            _unwatched,
            FakeWeb(a=_page(status=403)),
        )

    assert "secret" not in str(refused.value)


def _write_card(weights: Path, sha256: str) -> None:
    card = {
        "name": "centerface",
        "version": "1.3.0",
        "sha256": sha256,
        "threshold": 0.46,
        "input": {"min_long_side_px": 320, "max_long_side_px": 480},
        "threads": 1,
    }
    weights.with_name("model.json").write_text(json.dumps(card))
