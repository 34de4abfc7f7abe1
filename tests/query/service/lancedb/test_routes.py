"""LanceDB's remote protocol: what the stock client gets, against numpy and the tables themselves."""

import json
import warnings

import lancedb
import numpy as np
import pytest
from attribase.store import Store

from ..conftest import HOME, TOKEN, app_in_process

ONCE = {"retry_config": {"retries": 0, "connect_retries": 0, "read_retries": 0}}


@pytest.fixture(scope="module")
def db(live):
    return lancedb.connect("db://store", api_key=TOKEN, host_override=live.url, client_config=ONCE)


@pytest.fixture(scope="module")
def vectors(db):
    return db.open_table("vectors_enc")


def test_the_client_lists_the_tables(db, world):
    assert db.list_tables().tables == world.store.tables()
    assert db.list_tables(limit=3).page_token == world.store.tables()[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        after = [name for name in world.store.tables() if name > "images"]
        assert list(db.table_names(page_token="images", limit=2)) == after[:2]
    assert db.list_namespaces().namespaces == []


@pytest.mark.parametrize("name", ["vectors_enc", "images", "models", "failures", "ranks"])
def test_schemas_are_those_of_the_tables_without_bytes(db, world, name):
    there = world.store.schema(name)
    wanted = [(field.name, field.type) for field in there if field.name not in ("bytes", "weights")]
    assert [(field.name, field.type) for field in db.open_table(name).schema] == wanted
    assert db.open_table(name).version == world.store.dataset(name).version


def test_rows_are_counted_and_read_by_a_condition(db, vectors, world):
    assert vectors.count_rows() == len(world.vectors)
    assert vectors.count_rows("item_kind = 'image'") == world.store.count(
        "vectors_enc", "item_kind = 'image'"
    )
    rows = db.open_table("images").search().where("creator = 'c1'").select(["image_id"]).limit(1000).to_list()
    wanted = world.store.read("images", ["image_id"], "creator = 'c1'")["image_id"].to_pylist()
    assert [row["image_id"] for row in rows] == wanted
    part = db.open_table("images").search().where("creator = 'c1'").select(["image_id"]).limit(5).offset(3)
    assert [row["image_id"] for row in part.to_list()] == wanted[3:8]
    assert db.open_table("models").search().to_batches().read_all().num_rows == world.store.count("models")


@pytest.mark.parametrize("sample", ["m1-s0", "m2-s1"])
def test_a_search_gives_distances_and_influence_as_by_hand(vectors, world, sample):
    rows = (
        vectors.search(world.vectors[sample], vector_column_name="base")
        .select(["item_id"])
        .limit(9)
        .to_list()
    )
    for row, (image, score, share) in zip(rows, world.by_hand(world.vectors[sample]), strict=False):
        assert row["item_id"] == image
        assert row["_distance"] == pytest.approx(1 - score, abs=1e-6)
        assert row["influence"] == pytest.approx(share, abs=1e-6)
    assert len(rows) == 9


def test_the_answer_says_how_complete_its_influence_is(vectors, world):
    found = (
        vectors.search(world.vectors["m1-s0"], vector_column_name="base")
        .select(["item_id"])
        .limit(2)
        .to_arrow()
    )
    (said,) = json.loads(found.schema.metadata[b"attribase"])
    assert (said["exact"], said["complete"], said["unseen"]) == (True, True, 0.0)
    assert said["searched"] == len(world.pool())


def test_all_columns_come_unless_some_are_chosen(vectors, world):
    query = vectors.search(world.vectors["m1-s0"], vector_column_name="base").limit(2)
    rows = query.to_arrow()
    assert rows.column_names == ["item_id", "item_kind", "base", "_distance", "influence"]
    for row in rows.to_pylist():
        assert np.array_equal(np.float32(row["base"]), np.float32(world.vectors[row["item_id"]]))
    more = query.select(["item_id", "creator", "uri"]).to_list()
    assert all(row["uri"] == f"file:{row['item_id']}" for row in more)
    assert list(query.select({"image": "item_id"}).to_list()[0]) == ["image", "_distance", "influence"]


def test_a_condition_over_images_narrows_what_influence_is_of(vectors, world):
    creators = {row["image_id"]: row["creator"] for row in world.store.read("images").to_pylist()}
    mine = [image for image in world.pool() if creators[image] == "c2"]
    wanted = world.by_hand(world.vectors["m0-s1"], mine)
    query = vectors.search(world.vectors["m0-s1"], vector_column_name="base").select(["item_id"]).limit(1000)
    rows = query.where("creator = 'c2'").to_list()
    assert [row["item_id"] for row in rows] == [image for image, _, _ in wanted]
    assert [row["influence"] for row in rows] == pytest.approx([share for _, _, share in wanted], abs=1e-6)
    after = query.limit(20).where("creator = 'c2'", prefilter=False).to_list()
    best = [image for image, _, _ in world.by_hand(world.vectors["m0-s1"])[:20]]
    assert [row["item_id"] for row in after] == [image for image in best if creators[image] == "c2"]


def test_a_condition_on_the_kind_reaches_samples_too(vectors, world):
    def query():
        return vectors.search(world.vectors["m1-s0"], vector_column_name="base").select(["item_id"]).limit(4)

    images = query().where("item_kind = 'image' and item_id like 'g%'").to_list()
    gallery = sorted(item for item in world.vectors if item.startswith("g"))
    wanted = world.by_hand(world.vectors["m1-s0"], gallery)[:4]
    assert [(row["item_id"], pytest.approx(row["influence"], abs=1e-6)) for row in images] == [
        (image, share) for image, _, share in wanted
    ]
    samples = query().where("item_kind = 'sample'").to_list()
    assert samples[0]["item_id"] == "m1-s0"
    assert all("-s" in row["item_id"] and row["influence"] is None for row in samples)


def test_bounds_of_the_distance_offsets_and_hints_are_as_in_lancedb(vectors, world):
    ranked = world.by_hand(world.vectors["m1-s0"])
    low, high = 1 - ranked[3][1], 1 - ranked[9][1]
    query = vectors.search(world.vectors["m1-s0"], vector_column_name="base").select(["item_id"])
    within = query.distance_range(low + 1e-6, high - 1e-6).limit(100).to_list()
    assert [row["item_id"] for row in within] == [image for image, _, _ in ranked[4:9]]
    plain = vectors.search(world.vectors["m1-s0"], vector_column_name="base").select(["item_id"]).limit(3)
    hinted = (
        plain.offset(2).nprobes(3).refine_factor(2).ef(9).fast_search().bypass_vector_index().metric("cosine")
    )
    assert [row["item_id"] for row in hinted.to_list()] == [image for image, _, _ in ranked[2:5]]


def test_several_vectors_are_searched_at_once(vectors, world, client):
    asked = [world.vectors["m1-s0"], world.vectors["m2-s1"]]
    rows = (
        vectors.search(asked, vector_column_name="base").select(["item_id"]).limit(3).to_arrow().to_pylist()
    )
    wanted = [(at, one[0]) for at, vector in enumerate(asked) for one in world.by_hand(vector)[:3]]
    assert sorted((row["query_index"], row["item_id"]) for row in rows) == sorted(wanted)
    import pyarrow as pa

    body = {"vector": [vector.tolist() for vector in asked], "k": 3, "columns": ["item_id"]}
    together = pa.ipc.open_file(client.post("/v1/table/vectors_enc/query/", json=body).content).read_all()
    assert [(row["query_index"], row["item_id"]) for row in together.to_pylist()] == wanted


def test_what_would_write_is_refused_with_a_reason(db, vectors):
    for writing in (
        lambda: vectors.delete("true"),
        lambda: vectors.update(where="true", values={"item_kind": "x"}),
        lambda: db.drop_table("images"),
        lambda: db.create_table("new", [{"a": 1}]),
    ):
        with pytest.raises(Exception, match="describes, counts, reads and searches"):
            writing()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (lambda t: t.search([1.0, 2.0], vector_column_name="base"), "vectors of 16 numbers"),
        (lambda t: t.search([1.0] * 16, vector_column_name="base").metric("l2"), "compared by cosine"),
        (lambda t: t.search([1.0] * 16, vector_column_name="other"), "no vector column"),
        (lambda t: t.search([1.0] * 16).where("colour = 1"), "colour"),
        (lambda t: t.search().where("length(repeat('a', 99999999)) = 1"), "repeat is not allowed"),
        (lambda t: t.search("text", query_type="fts"), "full_text_query"),
        (lambda t: t.search([1.0] * 16).with_row_id(True), "row ids"),
        (lambda t: t.search([1.0] * 16).select({"x": "upper(item_id)"}), "no column"),
    ],
)
def test_what_cannot_be_answered_reaches_the_user_of_the_client(vectors, asked, reason):
    with pytest.raises(Exception, match=reason):
        asked(vectors).to_list()


@pytest.mark.parametrize(
    "condition",
    ["item_id::int = 1", "1 // 0 = 1", "item_kind = date '2020-13-01'", "+".join("1" * 4900) + " = 1"],
    ids=lambda text: text[:20],
)
def test_a_condition_that_fails_is_an_error_of_the_request(client, condition):
    for path, body in (
        ("count_rows", {"predicate": condition}),
        ("query", {"vector": [], "k": 3, "filter": condition}),
        ("query", {"vector": [1.0] * 16, "k": 3, "filter": f"item_id <> '' and {condition}"}),
        ("query", {"vector": [1.0] * 16, "k": 3, "filter": condition.replace("item_id", "uri")}),
    ):
        refused = client.post(f"/v1/table/vectors_enc/{path}/", json=body)
        assert refused.status_code == 400, refused.text
        assert "cannot be used" in refused.json()["error"]["message"]


def test_an_answer_of_too_many_bytes_is_refused_before_it_is_read(world):
    from attribase.query.service import ServiceOptions
    from fastapi.testclient import TestClient

    app = app_in_process(world.uri, ServiceOptions(sql=False, answer_bytes=4096))
    body = {"vector": [1.0] * 16, "k": 100}
    with TestClient(app, base_url=HOME) as client:
        for asked in (body, body | {"vector": []}):
            refused = client.post("/v1/table/vectors_enc/query/", json=asked)
            assert (refused.status_code, "in one answer" in refused.text) == (413, True)
        few = client.post("/v1/table/vectors_enc/query/", json=body | {"k": 5})
        assert few.status_code == 200


def test_a_missing_table_and_a_wrong_key_are_what_the_client_expects(db, live):
    with pytest.raises(ValueError, match="not found"):
        db.open_table("nothing")
    intruder = lancedb.connect("db://store", api_key="guess", host_override=live.url, client_config=ONCE)
    with pytest.raises(Exception, match="401"):
        intruder.list_tables()


def test_versions_and_tags_of_a_table_can_be_read(small):
    from attribase.query.service import ServiceOptions
    from fastapi.testclient import TestClient

    small.store.tag("before")
    then = small.store.dataset("images").version
    before = small.store.count("images")
    small.images(["new1", "new2"], "gallery")
    with TestClient(app_in_process(small.store.uri, ServiceOptions(sql=False)), base_url=HOME) as client:

        def asked(path, **body):
            return client.post(f"/v1/table/images/{path}/", json=body).json()

        assert asked("tags/list") == {"before": {"version": then, "manifestSize": 0}}
        assert asked("tags/version", tag="before") == {"version": then}
        assert asked("count_rows", version=then) == before
        assert asked("count_rows", version=None) == before + 2
        assert asked("describe", version=then)["stats"] == {"num_rows": before}
        assert [one["version"] for one in asked("version/list")["versions"]] == [
            one["version"] for one in Store.open(small.store.uri).dataset("images").versions()
        ]
