"""Attribase: an attribution database for text-to-image models.

Which training images made this picture, how much did each contribute, and how far can that answer be
trusted: kept in Lance tables, asked in SQL. Implements "Evaluating Data Attribution for Text-to-Image
Models" (ICCV 2023, arXiv:2306.09345).

    import attribase
    answer = attribase.attribute("my.store", "sunset.png", k=5)
    answer.to_polars()
    attribase.connect("my.store").sql("from metrics").show()
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
