"""What `make outputs` stores of a widget: its outputs go in; the still image and the sentence come out, without the live view."""

from __future__ import annotations

from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode

LIVE_VIEW = "application/vnd.jupyter.widget-view+json"


class StillWidgets(Preprocessor):
    """Take the live view out of stored outputs: it is empty where no kernel runs, hides the still image, and its id is random."""

    enabled = True

    def preprocess_cell(self, cell: NotebookNode, resources: dict, index: int) -> tuple[NotebookNode, dict]:
        """Return a cell whose widgets are their still images."""
        for output in cell.get("outputs", ()):
            if "image/jpeg" in output.get("data", {}):
                output["data"].pop(LIVE_VIEW, None)
        return cell, resources
