"""Labels of a scatter plot stay clear of points and of each other."""

from itertools import combinations

from attribase.query.report.labels import Label, add_labels
from attribase.query.report.svg import new_figure


def test_names_of_close_points_do_not_cover_each_other():
    points = [(0.30, 0.30), (0.31, 0.305), (0.305, 0.29), (0.32, 0.30), (0.29, 0.31), (0.315, 0.315)]
    figure, axes = new_figure(4.2)
    axes.set(xlim=(0.2, 0.4), ylim=(0.2, 0.4))
    labels = [Label(f"encoder-{number}", point, "#000000") for number, point in enumerate(points)]
    add_labels(axes, labels, [(point, 4.0) for point in points], [])
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in axes.texts if text.get_text()]
    assert len(boxes) == len(points)
    for first, second in combinations(boxes, 2):
        assert not first.overlaps(second)
    where = [axes.transData.transform(point) for point in points]
    assert not any(box.contains(*point) for box in boxes for point in where)
