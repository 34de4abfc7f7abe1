"""Classes of ImageNet's pictures and their categories, as they are distributed."""

import pytest
from attribase.ingest.paper.choice import Category
from attribase.ingest.paper.folders import by_class, read_categories
from attribase.store import InvalidInputError
from scipy.io import savemat

FLAT = [f"val/ILSVRC2012_val_{number:08}.JPEG" for number in (1, 2, 3)]
CLASSES = {"n01440764": [FLAT[0], FLAT[2]], "n02084071": [FLAT[1]]}


def test_class_folders_say_the_class_at_any_depth(tmp_path):
    paths = ["ILSVRC/train/n01440764/n01440764_10.JPEG", "n02084071/images/a.JPEG", "other/b.JPEG"]
    assert by_class(tmp_path, paths) == {"n01440764": paths[:1], "n02084071": paths[1:2]}


def test_validation_pictures_have_the_classes_of_kaggles_solution(tmp_path):
    lines = ["ImageId,PredictionString"]
    words = ("n01440764 1 2 3 4", "n02084071 1 2 3 4 n02084071 5 6 7 8", "n01440764 0 0 1 1")
    lines += [f"ILSVRC2012_val_{number:08},{text}" for number, text in enumerate(words, 1)]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(lines))
    assert by_class(tmp_path, FLAT, ["LOC_val_solution.csv"]) == CLASSES


def test_validation_pictures_have_the_classes_of_the_devkit(tmp_path):
    data = tmp_path / "devkit" / "data"
    data.mkdir(parents=True)
    synsets = [{"ILSVRC2012_ID": 1, "WNID": "n02084071"}, {"ILSVRC2012_ID": 2, "WNID": "n01440764"}]
    savemat(data / "meta.mat", {"synsets": synsets})
    (data / "ILSVRC2012_validation_ground_truth.txt").write_text("2\n1\n2\n")
    others = [f"devkit/data/{name}" for name in ("meta.mat", "ILSVRC2012_validation_ground_truth.txt")]
    assert by_class(tmp_path, FLAT, others) == CLASSES


def test_pictures_of_unknown_class_are_an_error(tmp_path):
    with pytest.raises(InvalidInputError, match=r"nothing in .* says of which class"):
        by_class(tmp_path, FLAT)


def test_categories_are_read_from_a_table(tmp_path):
    (tmp_path / "a.csv").write_text("class,category,seen\nn1,dog,yes\nn2,wild cat,no\nn3,tool,\n")
    assert read_categories(tmp_path / "a.csv") == {
        "n1": Category("dog", True),
        "n2": Category("wild cat", False),
        "n3": Category("tool", None),
    }
    (tmp_path / "b.tsv").write_bytes("class\tcategory\nn1\tdog\n".encode("utf-16"))
    assert read_categories(tmp_path / "b.tsv") == {"n1": Category("dog", None)}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("wnid,category\nn1,dog\n", "has no column class"),
        ("class,category\nn1,\n", "line 2: a class or its category is missing"),
        ("class,category,seen\nn1,dog,perhaps\n", "line 2: seen is 'perhaps'"),
    ],
)
def test_a_table_without_classes_or_categories_is_an_error(tmp_path, text, says):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InvalidInputError, match=says):
        read_categories(tmp_path / "a.csv")
