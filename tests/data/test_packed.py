"""Draws from a packed data set: the right numbers at the right places, the same for one seed, in each process."""

import pickle
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from deepisp.data import pack, packed_file
from deepisp.data.packed import Packed
from deepisp.data.packed_pairs import Drawn
from tests.data import packed_trees
from tests.data.packed_trees import BLACK, BORDER, CFA, NEUTRAL, NOISE, plant, task

BOTH = ("sid-sony", "sid-fuji")
INNER = {"sid-sony": 8, "sid-fuji": 6}
Trees = dict[str, tuple[Path, dict[str, np.ndarray]]]


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Trees:
    """Of each half a packed file, and the light of its frames by their names."""
    found = {}
    for name in BOTH:
        root = tmp_path_factory.mktemp(name)
        raws = plant(root, name)
        for _ in pack.pack(task(root, name), root / "a.h5"):
            pass
        light = {
            key: raw.mosaic[BORDER[0] :, BORDER[1] :] for key, raw in raws.items() if raw.mosaic is not None
        }
        found[name] = (root / "a.h5", light)
    return found


def drawn(packed: Packed, seed: int = 1, count: int = 40) -> Drawn:
    return packed.draw(count, torch.Generator().manual_seed(seed))


def same(one: Drawn, other: Drawn) -> bool:
    flat = [[*batch[:3], *batch.noise, *batch[4:]] for batch in (one, other)]
    return all(
        a is b if a is None or b is None else torch.equal(a.cpu(), b.cpu())
        for a, b in zip(*flat, strict=True)
    )


@pytest.mark.parametrize("name", BOTH)
def test_a_draw_is_of_one_place_of_both_frames(trees: Trees, name: str) -> None:
    path, light = trees[name]
    side, cell = INNER[name], round(len(CFA[name]) ** 0.5)
    packed = Packed(path, side)
    assert packed.cfa == CFA[name]
    batch = drawn(packed)
    assert batch.short.shape == batch.long.shape == (40, 1, side, side)
    with packed_file.opened(path) as file:
        names, rows = file["frames"]["name"], file["pairs"][:]
    black = np.tile(BLACK[name] + np.arange(cell * cell).reshape(cell, cell), (side // cell, side // cell))
    places = set()
    for number, row in enumerate(rows[batch.pair.numpy()]):
        found = []
        for exposure in ("short", "long"):
            values = light[names[row[exposure]].decode()]
            wanted = getattr(batch, exposure)[number, 0].double().numpy() * (16383 - black) + black
            dn = np.rint(wanted).astype(int)
            assert wanted == pytest.approx(dn, abs=0.01)
            windows = np.lib.stride_tricks.sliding_window_view(values, (side, side))
            found.append(np.argwhere((windows == dn).all((2, 3))).tolist())
        assert found[0] == found[1]
        [(top, left)] = found[0]
        assert top % cell == left % cell == 0
        places.add((top, left))
        assert float(batch.exposure_ratio[number]) == (100 if row["scene"] == 1 else 250)
    assert len(places) > 10
    assert float(batch.short.min()) < -0.01  # the frames go below black
    assert batch.noise.shot.numpy() == pytest.approx(np.tile([one.shot for one in NOISE], (40, 1)))
    assert batch.noise.read.numpy() == pytest.approx(np.tile([one.read for one in NOISE], (40, 1)))
    assert batch.as_shot_neutral.numpy() == pytest.approx(np.tile(NEUTRAL, (40, 1)), rel=1e-5)
    assert set(batch.pair.tolist()) == {0, 1, 2, 3}


@pytest.mark.parametrize("name", BOTH)
def test_what_is_resident_draws_the_same(trees: Trees, name: str, device: str) -> None:
    packed = Packed(trees[name][0], INNER[name])
    here = packed.resident(device)
    assert here.mosaics.dtype == torch.uint16
    assert (len(here), here.side, here.cfa, here.digest()) == (
        len(packed), packed.side, packed.cfa, packed.digest()
    )  # fmt: skip
    generator = torch.Generator(device).manual_seed(1)
    batch = here.draw(40, generator)
    assert batch.short.device.type == device
    if device == "cpu":
        assert same(batch, drawn(packed))


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with pictures of soft scenes; LibRaw leaves an even border where it is."""
    root = tmp_path_factory.mktemp("shown")
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(packed_trees, "BORDER", (2, 4))
        raws = plant(root)
    for number, (name, raw) in enumerate(raws.items()):
        soft = gaussian_filter(np.random.default_rng(number).standard_normal((47, 67)), 2, mode="wrap")
        mosaic = (5000 + 15000 * soft).clip(600, 12000).astype(np.uint16)
        (root / name).write_bytes(packed_trees.dark_trees.content(replace(raw, mosaic=mosaic), root))
    for _ in pack.pack(task(root, has_pictures=True), root / "a.h5"):
        pass
    return root / "a.h5"


def test_a_picture_is_of_the_same_place(shown: Path) -> None:
    packed = Packed(shown, 8, is_published=True)
    batch = drawn(packed)
    assert batch.picture is not None
    assert batch.picture.shape == (40, 3, 8, 8)
    assert 0 <= float(batch.picture.min()) < float(batch.picture.max()) <= 1
    luma = batch.picture.mean(1)

    def likeness(down: int, right: int) -> float:
        light = batch.long[:, 0].roll((down, right), (1, 2))[:, 1:-1, 1:-1].flatten()
        return float(torch.corrcoef(torch.stack([light, luma[:, 1:-1, 1:-1].flatten()]))[0, 1])

    here = likeness(0, 0)
    assert here > 0.9
    assert all(likeness(*way) < here - 0.01 for way in ((0, 1), (1, 0), (0, -1), (-1, 0)))
    assert drawn(Packed(shown, 8)).picture is None
    for other in (pickle.loads(pickle.dumps(packed)), packed.resident("cpu")):
        assert same(drawn(other), batch)


def test_published_levels_are_those_of_the_data_set(shown: Path) -> None:
    """512 and 16383, whatever the files say; `evaluate sid` shows the authors' network the same."""
    own, published = drawn(Packed(shown, 8)), drawn(Packed(shown, 8, is_published=True))
    black = np.tile(BLACK["sid-sony"] + np.arange(4).reshape(2, 2), (4, 4))
    dn = own.short.numpy() * (16383 - black) + black
    assert published.short.numpy() == pytest.approx((dn - 512) / (16383 - 512), abs=1e-5)


def test_pictures_need_room_too(shown: Path) -> None:
    packed = Packed(shown, 8, is_published=True)
    most = (6 + 3 * 2) * packed.pairs.tiles * 16 * 16 * 2 / 0.8
    with pytest.raises(ValueError, match="they may have 80%"):
        packed.resident("cpu", free_bytes=int(most) - 1)
    packed.resident("cpu", free_bytes=int(most) + 1)


def test_a_file_without_pictures_has_none_to_give(trees: Trees) -> None:
    with pytest.raises(ValueError, match="no pictures are packed in it; pack anew with --pictures"):
        Packed(trees["sid-sony"][0], 8, is_published=True)


def test_large_numbers_stay_large(trees: Trees) -> None:
    here = Packed(trees["sid-sony"][0], 16).resident("cpu")
    here.mosaics.fill_(65535)
    batch = here.draw(4, torch.Generator().manual_seed(1))
    assert batch.short[0, 0, 0, 0].item() == pytest.approx((65535 - 500) / (16383 - 500))


def test_one_state_is_one_draw(trees: Trees) -> None:
    packed = Packed(trees["sid-sony"][0], 8)
    generator = torch.Generator().manual_seed(5)
    first, state = packed.draw(8, generator), generator.get_state()
    second = packed.draw(8, generator)
    assert not torch.equal(first.short, second.short)
    generator.set_state(state)
    assert same(packed.draw(8, generator), second)


def test_each_place_is_reached(trees: Trees) -> None:
    packed = Packed(trees["sid-sony"][0], 8)
    assert len(packed) == 4 * 3 * 4
    places = packed.pairs.choose(5000, torch.Generator().manual_seed(1))
    assert {tuple(one) for one in places.corner.tolist()} == {
        (r, c) for r in range(0, 9, 2) for c in range(0, 9, 2)
    }
    crops = torch.stack([places.short, places.long], -1).unique(dim=0)
    assert len(crops) == len(packed)


def test_a_loader_takes_it_along(trees: Trees) -> None:
    """One that has drawn is pickled without its handle, and another process draws while this one does."""
    packed = Packed(trees["sid-fuji"][0], 6)
    wanted = drawn(packed)
    assert same(drawn(pickle.loads(pickle.dumps(packed))), wanted)
    with get_context("spawn").Pool(1) as pool:
        running = pool.apply_async(drawn, (packed, 2))
        for _ in range(20):
            assert same(drawn(packed), wanted)
        assert same(running.get(100), drawn(packed, 2))


def test_a_fork_opens_its_own(trees: Trees, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = Packed(trees["sid-sony"][0], 8)
    drawn(packed)
    before = packed._file
    drawn(packed)
    assert packed._file is before
    monkeypatch.setattr("os.getpid", lambda: -1)
    drawn(packed)
    assert packed._file is not before


def test_what_does_not_fit_is_refused(trees: Trees) -> None:
    packed = Packed(trees["sid-sony"][0], 8)
    needed = 6 * 12 * 16 * 16 * 2
    with pytest.raises(
        ValueError, match=r"its crops take 0 MB, and of .* free on cpu they may have 80%; draw from"
    ):
        packed.resident("cpu", free_bytes=needed)
    assert len(packed.resident("cpu", free_bytes=2 * needed)) == len(packed)


def test_a_digest_is_of_the_content(trees: Trees, tmp_path: Path) -> None:
    path, _ = trees["sid-sony"]
    plant(tmp_path)
    for _ in pack.pack(task(tmp_path), tmp_path / "b.h5"):
        pass
    assert Packed(tmp_path / "b.h5", 8).digest() == Packed(path, 8).digest()  # wherever it lies
    assert Packed(path, 8).digest() != Packed(path, 16).digest()
    name = "Sony/short/00001_00_0.1s.ARW"
    other = packed_trees.frame("sid-sony", 99)
    (tmp_path / name).write_bytes(packed_trees.dark_trees.content(other, tmp_path))
    for _ in pack.pack(task(tmp_path), tmp_path / "c.h5"):
        pass
    assert Packed(tmp_path / "c.h5", 8).digest() != Packed(path, 8).digest()


def test_a_side_that_is_none_is_refused(trees: Trees, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="whole cells of 6 x 6 photosites, got a side of 8; give 6"):
        Packed(trees["sid-fuji"][0], 8)
    with pytest.raises(ValueError, match="crops of 16 x 16 are stored, got a side of 18; pack larger ones"):
        Packed(trees["sid-sony"][0], 18)
    (tmp_path / "a.h5").write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"a\.h5: no HDF5 file, or damaged"):
        Packed(tmp_path / "a.h5", 8)
    with pytest.raises(FileNotFoundError):
        Packed(tmp_path / "b.h5", 8)
