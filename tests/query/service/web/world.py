"""A small store with pictures, served in this process, for tests of the page in a browser."""

import io
import threading
import time
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import uvicorn
from attribase.query import evaluate
from attribase.query.service import ServiceOptions
from attribase.store import Store
from PIL import Image

from ..conftest import app_in_process

DIM = 16
HOSTILE = "<img src=x onerror=document.title='gone'>"
QUOTED = "O'Hara & Sons"
CREATORS = ("Ada", QUOTED, HOSTILE, None)


class Pixels:
    """Stands for an encoder: the first bytes of the pixels."""

    def encode(self, images):
        return np.stack([np.asarray(image, np.float32).ravel()[:DIM] for image in images])


def picture(seed):
    """(PNG, feature) of noise: it has a direction of its own."""
    rows = np.random.default_rng(seed).integers(0, 255, (12, 12, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(rows).save(out, "PNG")
    return out.getvalue(), rows.ravel()[:DIM].astype(np.float32)


def fill(uri, encoder="enc"):
    """A gallery of 24, two models of two exemplars each, one untouched twin; ranked and calibrated."""
    store = Store.create(uri)
    store.upsert("encoders", [{"encoder": encoder, "dim": DIM}])
    vectors = store.ensure_vectors(encoder, DIM)
    names = [f"g{n:02d}" for n in range(24)] + ["e0", "e1", "e2", "e3"]
    pictures = {name: picture(seed) for seed, name in enumerate(names)}
    features = {name: feature for name, (_, feature) in pictures.items()}
    store.upsert("images", [_image(n, name, pictures[name][0]) for n, name in enumerate(names)])
    collections = {"g": "gallery", "e": "art"}
    store.upsert("members", [{"collection": collections[name[0]], "image_id": name} for name in names])
    models, samples = [], []
    for number, (model, split) in enumerate((("m0", "test"), ("m1", "test"), ("c0", "control"))):
        own = ["e0", "e1"] if model != "m1" else ["e2", "e3"]
        about = {"exemplar_ids": own, "case_name": "case", "split": split, "concept": f"thing {number}"}
        method = "none" if split == "control" else "custom-diffusion"
        models.append({"model_id": model, "method": method, **about})
        for n in range(2):
            name = f"{model}-s{n}"
            sample = {"sample_id": name, "model_id": model, "scheme": "gpt"}
            drawn, _ = picture(100 * number + n + 50)
            samples.append(sample | {"prompt": f"V* number {n} of {model}", "bytes": drawn})
            features[name] = features[own[0]] + 0.4 * features[own[1]] + 40 * n
    store.upsert("models", models)
    store.upsert("samples", samples)
    rows = [
        {"item_id": name, "item_kind": "sample" if "-" in name else "image", "base": row.tolist()}
        for name, row in features.items()
    ]
    store.upsert(vectors, rows)
    calibration = {"calibration_id": "c", "encoder": encoder, "mapper": "none", "tau": 0.1, "lambda": 0.1}
    store.upsert("calibrations", [calibration])
    for _ in evaluate(store):
        pass
    _draw_map(store, features, encoder)
    _find_copies(store, encoder)
    return store.uri


def _find_copies(store, encoder):
    """A run that found one work twice: e0 and g03."""
    counts = {"images": 28, "linked": 2, "clusters": 1, "largest": 2, "chained": 0, "links": 1}
    about = {"run_id": "run", "method": "vectors", "encoder": encoder, "rule": "star", "digest": "d"}
    store.upsert("cluster_runs", [about | counts | {"threshold": 0.9, "started": datetime(2026, 3, 4)}])
    members = [{"run_id": "run", "image_id": name, "cluster_id": "e0"} for name in ("e0", "g03")]
    store.upsert("cluster_members", [member | {"similarity": 1.0, "size": 2} for member in members])


def _draw_map(store, features, encoder):
    """A map that puts every item in its own place, by two numbers of its feature."""
    about = {"map_id": "map", "encoder": encoder, "mapper": "none", "method": "umap", "settings": "{}"}
    counts = {"points": len(features), "images": 28, "samples": 6, "created": datetime(2026, 3, 4)}
    store.upsert("maps", [about | counts])
    kinds = {"g": "gallery", "e": "exemplar"}
    points = [
        {"map_id": "map", "item_id": name, "kind": kinds.get(name[0], "sample"), "x": row[0], "y": row[1]}
        for name, row in features.items()
    ]
    store.upsert("map_points", points)


def _image(number, name, data):
    row = {"image_id": name, "uri": f"file:{name}.png", "bytes": data, "caption": f"picture {name}"}
    row |= {"creator": CREATORS[number % 4], "license": "CC0", "category": "x", "width": 12, "height": 12}
    row |= {"rights_holder": "Foundry", "reservation": ("none", "tdm", None)[number % 3]}
    metadata = '{"license_url": "https://licences.example/cc0", "page": "javascript://a.example/%0Aalert(1)"}'
    return row | {"metadata": metadata}


@contextmanager
def served(uri, token=None):
    """The address of the service, in a thread of this process."""
    app = app_in_process(uri, ServiceOptions(sql=False, token=token))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    for _ in range(600):
        if server.started:
            break
        time.sleep(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/"
    server.should_exit = True
    thread.join(20)
