"""The gaps in a report's numbers, a sentence for each kind."""

from __future__ import annotations

from .data import FeatureSpace, ReportData
from .text import case_scheme_text, case_text, name_list, space_text


def missing_sentences(data: ReportData) -> list[str]:
    """A sentence for each kind of gap that there is."""
    sentences = [
        _samples_without_numbers(data),
        _unmeasured_spaces(data),
        _partly_measured_spaces(data),
        _numbers_without_interval(data),
        _published_only(data),
        _without_calibration(data),
    ]
    return [sentence for sentence in sentences if sentence]


def _samples_without_numbers(data: ReportData) -> str:
    measured = set(data.case_schemes())
    gaps = [
        f"{case_scheme_text(case_scheme)} ({count:,})"
        for case_scheme, count in data.stored_samples.items()
        if case_scheme not in measured
    ]
    return f"Samples without measurements: {name_list(gaps)}." if gaps else ""


def _unmeasured_spaces(data: ReportData) -> str:
    measured = {space for space, _ in data.measured}
    spaces = [FeatureSpace(row["encoder"], row["mapper"]) for row in data.spaces]
    names = [space_text(space) for space in spaces if space not in measured]
    return f"Feature spaces in the store that were not measured: {name_list(names)}." if names else ""


def _partly_measured_spaces(data: ReportData) -> str:
    """Feature spaces that are measured in some cases and schemes but not in all."""
    every = data.case_schemes()
    gaps = []
    for space in data.ordered_spaces():
        for case in dict.fromkeys(case_scheme.case for case_scheme in every):
            of_case = [case_scheme for case_scheme in every if case_scheme.case == case]
            lacking = [case_scheme for case_scheme in of_case if (space, case_scheme) not in data.measured]
            names = [case_text(case)] if lacking == of_case else [case_scheme_text(one) for one in lacking]
            gaps += [f"{space_text(space)} in {name}" for name in names]
    return f"Feature spaces measured in other cases only: {name_list(gaps)}." if gaps else ""


def _numbers_without_interval(data: ReportData) -> str:
    bare = [
        f"{space_text(space)} in {case_scheme_text(case_scheme)}"
        for (space, case_scheme), measurement in data.measured.items()
        if any(score.low is None for score in measurement.scores.values())
    ]
    return f"Without an interval, which needs more than one model: {name_list(bare)}." if bare else ""


def _published_only(data: ReportData) -> str:
    """Published rows without a measured counterpart."""
    ours = {(data.published_as(space), case_scheme) for space, case_scheme in data.measured}
    rest = [key for key in data.published if key not in ours]
    if not rest or not data.measured:
        return ""
    if len(rest) == len(data.published):
        return (
            f"Nothing here can be compared with the paper: none of its {len(rest)} rows is of an encoder, a"
            " mapper and a case that were measured in this store."
        )
    encoders = name_list(dict.fromkeys(space.encoder for space, _ in rest))
    return (
        f"Not measured here: {len(rest)} of the paper's {len(data.published)} rows (an encoder and a mapper"
        f" in a case and scheme), of {encoders}."
    )


def _without_calibration(data: ReportData) -> str:
    """Measured feature spaces whose similarities cannot be turned into influence."""
    measured = {space for space, _ in data.measured}
    taus = {FeatureSpace(row["encoder"], row["mapper"]): row["tau"] for row in data.spaces}
    bare = [space_text(space) for space, tau in taus.items() if tau is None and space in measured]
    return f"Not calibrated, so without influence: {name_list(bare)}." if bare else ""
