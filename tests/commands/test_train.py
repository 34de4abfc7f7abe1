"""`attribase train`: the recipe that settings come from."""

from attribase.cli import cli
from attribase.train import PAPER, WORLD, LeftOut, MapperConfig
from click.testing import CliRunner


def configs(monkeypatch, *options):
    """The configs that `train mapper` trains with."""
    given = []

    def job(*args, **_):
        given.extend(one for one in args if isinstance(one, MapperConfig))
        return iter(())

    monkeypatch.setattr("attribase.ingest.embed.embed_views", job)
    monkeypatch.setattr("attribase.train.train_mapper", job)
    monkeypatch.setattr("attribase.train.count_left_out", lambda *_: LeftOut("e", ("train",), *[0] * 8))
    result = CliRunner().invoke(cli, ["-s", options[0], "train", "mapper", *options[1:]])
    assert result.exit_code == 0, result.stderr
    return given


def test_the_paper_is_the_default_and_the_tuned_recipe_is_asked_for_by_name(tmp_path, monkeypatch):
    store = str(tmp_path / "a.store")
    assert CliRunner().invoke(cli, ["-s", store, "init"]).exit_code == 0
    assert configs(monkeypatch, store) == [PAPER]
    assert configs(monkeypatch, store, "--recipe", "world") == [WORLD]
    (mixed,) = configs(monkeypatch, store, "--temperature", "0.5")
    assert (mixed.recipe, mixed.temperature, mixed.lr) == ("paper", 0.5, PAPER.lr)


def test_help_says_which_recipe_is_the_default():
    text = " ".join(CliRunner().invoke(cli, ["train", "mapper", "--help"]).output.split())
    assert "[default: paper]" in text
    assert "embedded world" in text


def test_an_abstention_is_trained_once(small):
    asked = ["-s", small.store.uri, "train", "abstention", "--encoder", "enc", "--mapper", "none"]
    first = CliRunner().invoke(cli, asked)
    assert first.exit_code == 0, first.output
    assert "null scores of 1 models" in first.stderr
    assert small.store.count("abstentions") == 1
    again = CliRunner().invoke(cli, asked)
    assert again.stderr.splitlines()[-1] == "abstention is up to date"
