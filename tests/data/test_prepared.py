import numpy as np
import pytest

from hepareg.data.case_pair import pack_pair, prepare_pair
from hepareg.data.prepared import PreparedPairs, digest
from hepareg.errors import FileFormatError, MaskError, SettingsError
from hepareg.networks.input_region import RegionSettings

monai = pytest.importorskip("monai.transforms")
REGION = RegionSettings((16, 16, 16), 8.0)


class Prepare(monai.Transform):
    """Counts how often it runs."""

    calls = 0

    def __init__(self, pair):
        self.pair = pair

    def __call__(self, item):
        Prepare.calls += 1
        if item.get("bad"):
            raise MaskError(f"case {item['case']}: no mask")
        return pack_pair(prepare_pair(self.pair, region=REGION, margin_mm=10.0))


@pytest.fixture
def preparing(oblique_pair):
    Prepare.calls = 0
    return lambda: Prepare(oblique_pair)


def test_the_second_use_reads_the_cache_and_the_matrix_is_kept(preparing, tmp_path):
    items = [{"case": "a", "with": digest(1)}, {"case": "b", "with": digest(1)}]
    first = PreparedPairs(items, transform=preparing(), folder=tmp_path)
    first.fill(num_processes=1, label="preparing")
    assert Prepare.calls == 2
    second = PreparedPairs(items, transform=preparing(), folder=tmp_path)
    again = second(1)
    assert Prepare.calls == 2, "the cache was not used"
    assert again.case == "b"
    assert np.array_equal(again.moving.grid.world_from_voxel, first(1).moving.grid.world_from_voxel)
    assert not np.array_equal(again.moving.grid.world_from_voxel, np.eye(4))
    assert np.array_equal(again.moving_from_fixed.matrix, first(1).moving_from_fixed.matrix)


def test_other_settings_are_another_entry(preparing, tmp_path):
    PreparedPairs([{"case": "a", "with": digest(1)}], transform=preparing(), folder=tmp_path)(0)
    PreparedPairs([{"case": "a", "with": digest(2)}], transform=preparing(), folder=tmp_path)(0)
    assert Prepare.calls == 2


@pytest.mark.parametrize("num_processes", [1, 2])
def test_a_bad_pair_shows_while_filling_with_its_own_message(preparing, tmp_path, num_processes):
    pairs = PreparedPairs([{"case": "a"}, {"case": "b", "bad": True}], transform=preparing(), folder=tmp_path)
    with pytest.raises(MaskError, match="case b: no mask"):
        pairs.fill(num_processes=num_processes, label="preparing")


@pytest.mark.parametrize("num_bytes", [100, 1000, -700])
def test_a_damaged_entry_is_told(preparing, tmp_path, num_bytes):
    pairs = PreparedPairs([{"case": "a"}], transform=preparing(), folder=tmp_path)
    pairs(0)
    (entry,) = tmp_path.glob("*.pt")
    entry.write_bytes(entry.read_bytes()[:num_bytes])
    with pytest.raises(FileFormatError, match="case a: its entry in the cache is damaged"):
        pairs(0)


def test_an_empty_split_is_refused(preparing, tmp_path):
    with pytest.raises(SettingsError, match="empty split"):
        PreparedPairs([], transform=preparing(), folder=tmp_path)
