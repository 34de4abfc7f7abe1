"""The report of a study: Tables 3 and 4, the figures and the pages, from the versions that its run pinned.

`data` what is read; `paper_tables` and `table_formats` the tables; `directions` the paper's ablations;
one file a figure or a kind of figure; `page` and `write` make the folder.
"""

from .write import write_study_report

__all__ = ["write_study_report"]
