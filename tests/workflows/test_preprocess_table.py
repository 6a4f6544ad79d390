"""Tables of batches."""

import csv
import io

from hepareg.workflows.preprocess_table import CaseRow, SideRow, format_table


def test_columns_of_both_images_and_empty_cells():
    side = SideRow("clamped", top_mm=-180.00049, top_slice=64, num_slices_below=65, num_slices=65, extent_mm=162.5)
    rows = [CaseRow("a", "done", side, SideRow("no_mask")), CaseRow("b", "failed", error='no, "it" broke')]
    first, second = csv.DictReader(io.StringIO(format_table(rows)))
    assert (first["moving_top_mm"], first["moving_extent_mm"], first["moving_outcome"]) == (
        "-180.0",
        "162.5",
        "clamped",
    )
    assert (first["fixed_outcome"], first["fixed_top_slice"], first["error"]) == ("no_mask", "", "")
    assert (second["status"], second["moving_outcome"], second["error"]) == ("failed", "", 'no, "it" broke')
