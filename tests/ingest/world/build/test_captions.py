import numpy as np
from attribase.ingest.world.build.captions import COLOUR_PHRASES, SCENE_PHRASES, Subject, caption
from attribase.ingest.world.build.looks import Look


def test_captions_name_the_look_and_the_subject():
    subject = Subject("tomato", "food", "noto", "flat icon")
    rng = np.random.default_rng(2)
    texts = [caption(subject, Look(scene="beach"), rng) for _ in range(400)]
    named = [text for text in texts if text]
    assert 0.05 < 1 - len(named) / len(texts) < 0.16
    assert all(any(phrase in text for phrase in SCENE_PHRASES["beach"]) for text in named)
    assert sum("tomato" in text or "food" in text for text in named) > 0.9 * len(named)
    assert all(any(style in text for text in named) for style in ("in the style of noto art", "noto style"))
    golden = [caption(subject, Look(medium="golden statue"), rng) for _ in range(100)]
    assert all("golden statue" in text for text in golden if text)
    blue = [caption(subject, Look(colour="blue"), rng) for _ in range(100)]
    assert all(any(phrase.format("blue") in text for phrase in COLOUR_PHRASES) for text in blue if text)
