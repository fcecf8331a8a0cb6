"""Learning from real pairs: brightness, colors and noise of a sample by hand, and a run that goes on exactly."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from deepisp.data import packed_file
from deepisp.data.pairs import through
from deepisp.develop.demosaic import methods
from deepisp.sensor import cfa as cfa_cell
from deepisp.sensor.noise import Noise
from deepisp.train import begin, jdd, loop, sid
from deepisp.train.run import Run
from deepisp.train.settings import TrainSettings
from tests.data import packed_trees
from tests.data.dark_trees import X_T2
from tests.train import sid_files
from tests.train.sid_files import NEUTRAL, NOISE, drawn

BOTH = ("RGGB", X_T2)
SMALL = TrainSettings(
    network="dark", width=4, blocks=1, steps=5, batch=2, crop=16, rate=3e-3, warmup=1, seed=1, precision="fp32",
    average=0.5, save_every=1000, log_every=1,
)  # fmt: skip
BANDS = ((0.2, 0.2, 0.2), (0.1, 0.3, 0.6), (3.0, 3.0, 3.0))  # balanced light; the last is more than white
WIDE = 24


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sid_files.packed(tmp_path_factory.mktemp("sony"))


def columns(cfa: str) -> torch.Tensor:
    """(1, 1, h, w) signal of bands as wide as `WIDE`, the sample from the first to the last."""
    bands = torch.tensor(BANDS) * torch.tensor(NEUTRAL)  # camera RGB
    around, side = sid.margin(cfa), WIDE * len(BANDS)
    rgb = bands.repeat_interleave(WIDE, 0)
    ends = [rgb[:1].expand(around, 3), rgb, rgb[-1:].expand(around, 3)]
    light = torch.cat(ends).T[None, :, None].expand(1, 3, side + 2 * around, -1)
    return through(light, cfa)


def sample(light: torch.Tensor, cfa: str, ratio: float = 100.0, way: int = 0) -> jdd.Batch:
    ways = torch.tensor([sid.turned_ways(cfa)[way]] * len(light))
    return sid.made(drawn(light, ratio), cfa, ways)


def scene(cfa: str, count: int = 1, inner: int = 24) -> torch.Tensor:
    side = inner + 2 * sid.margin(cfa)
    return torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(1)) * 0.4


@pytest.mark.parametrize("cfa", BOTH)
def test_the_truth_has_the_light_and_the_colors_of_the_scene(cfa: str) -> None:
    batch = sample(columns(cfa), cfa)
    assert batch.truth.shape == (1, 3, 72, 72)
    assert batch.linear == 1
    white = [1 / max(NEUTRAL)] * 3  # neutral, and where the first color clips
    for number, color in enumerate((*BANDS[:2], white)):
        inner = batch.truth[0, :, :, number * WIDE + 9 : (number + 1) * WIDE - 9]
        assert inner.movedim(0, -1).numpy() == pytest.approx(np.broadcast_to(color, (72, 6, 3)), rel=1e-4)
    assert (batch.truth.amax((0, 2, 3)) <= torch.tensor(white)).all()
    ended = sample(columns(cfa).clamp(max=1), cfa)
    assert torch.equal(batch.truth, ended.truth)  # what lies above white is not seen beside it either


@pytest.mark.parametrize("cfa", BOTH)
def test_the_mosaic_is_as_bright_as_the_truth_and_gray_is_gray(cfa: str) -> None:
    batch = sample(columns(cfa), cfa)
    at = batch.mosaic[0, 0, :, :WIDE].numpy()
    assert at == pytest.approx(np.full((72, WIDE), 0.2), rel=1e-5)
    for color in range(3):
        places = np.tile(cfa_cell.indices(cfa) == color, (36, 36))[:72, :72][:, WIDE : 2 * WIDE]
        seen = batch.mosaic[0, 0, :, WIDE : 2 * WIDE].numpy()[places]
        assert seen == pytest.approx(np.full(len(seen), BANDS[1][color]), rel=1e-5)


def test_sigma_is_that_of_the_short_exposure_amplified_and_balanced() -> None:
    batch = sample(columns("RGGB"), "RGGB", 50.0)
    shot, read = NOISE.shot * 50 * 2, NOISE.read * 50**2 * 2**2  # red: its gain is 2
    assert float(batch.sigma[0, 0, 0, 0]) == pytest.approx((shot * 0.2 + read) ** 0.5, rel=1e-4)
    shot, read = NOISE.shot * 50, NOISE.read * 50**2  # green
    assert float(batch.sigma[0, 0, 0, 1]) == pytest.approx((shot * 0.2 + read) ** 0.5, rel=1e-4)
    assert batch.lines.read[0].tolist() == pytest.approx([read * 4, read, read / 0.75**2], rel=1e-4)


def test_twice_the_ratio_is_twice_the_mosaic_and_the_same_truth() -> None:
    light = scene("RGGB")
    one = sample(light, "RGGB")
    pair = drawn(light, 100.0)
    twice = sid.made(
        pair._replace(exposure_ratio=pair.exposure_ratio * 2),
        "RGGB",
        torch.tensor(sid.turned_ways("RGGB")[:1]),
    )
    assert torch.equal(twice.mosaic, 2 * one.mosaic)
    assert torch.equal(twice.truth, one.truth)
    assert twice.sigma.numpy() == pytest.approx(2 * one.sigma.numpy(), rel=1e-5)  # shot x signal, and read


@pytest.mark.parametrize("cfa", BOTH)
def test_no_truth_knows_of_its_edge(cfa: str) -> None:
    cell, around = cfa_cell.side(cfa), sid.margin(cfa)
    whole = scene(cfa, inner=96)
    gains = jdd.per_photosite(1 / torch.tensor([NEUTRAL]), cfa, whole.shape[-2:])
    wanted = methods.tensor(cfa, "auto")(whole * gains)
    for number, way in enumerate(sid.turned_ways(cfa)):
        start, side = 2 * cell, 24
        square = whole[..., start : start + side + 2 * around, start : start + side + 2 * around]
        truth = sample(square, cfa, way=number).truth
        top, left = start + around + way.top, start + around + way.left
        there = wanted[..., top : top + side, left : left + side].numpy()
        there = there[:, :, :: -1 if way.is_down else 1, :: -1 if way.is_across else 1]
        there = there.swapaxes(-1, -2) if way.is_transposed else there
        assert truth.numpy() == pytest.approx(there, abs=2e-5)


@pytest.mark.parametrize("cfa", [*BOTH, "GRBG", cfa_cell.XTRANS])
def test_turning_leaves_the_cfa_as_it_is(cfa: str) -> None:
    """A demosaiced picture has what was measured where it was measured, however it is turned."""
    assert len(set(sid.turned_ways(cfa))) == 8
    seen = list[torch.Tensor]()
    for way in range(8):
        batch = sample(scene(cfa), cfa, way=way)
        assert through(batch.truth, cfa).numpy() == pytest.approx(batch.mosaic.numpy(), abs=1e-5)
        assert not any(torch.equal(batch.mosaic, other) for other in seen)
        seen.append(batch.mosaic)


@pytest.mark.parametrize("cfa", BOTH)
def test_the_authors_way_shows_the_raw_light_and_learns_the_picture(cfa: str) -> None:
    """However it is turned: a picture of the mosaic's own values lies on the mosaic."""
    light = scene(cfa) * 3 - 0.1
    picture = light.expand(-1, 3, -1, -1) * 2
    for way in sid.turned_ways(cfa):
        batch = sid.published(drawn(light, 50.0)._replace(picture=picture), cfa, torch.tensor([way]))
        assert batch.linear == 0
        assert batch.truth.shape == (1, 3, 24, 24)
        assert float(batch.mosaic.min()) == 0
        assert float(batch.mosaic.max()) == 1
        assert batch.mosaic.numpy() == pytest.approx((batch.truth[:, :1] / 2).clamp(0, 1).numpy(), abs=1e-5)


def test_chen_learns_pictures_on_request(tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_trees, "BORDER", (2, 4))  # LibRaw leaves an even one where it is
    shown = sid_files.packed(tmp_path, has_pictures=True)
    asked = TrainSettings(network="chen", truth="pictures", crop=16, batch=2, precision="fp32", rate=1e-3)
    run, about = begin.from_packed(asked, shown, device="cpu")
    assert "truths are LibRaw's pictures" in about
    batch = run.task.batch(4, torch.Generator().manual_seed(1))
    assert batch.linear == 0
    assert 0 <= float(batch.mosaic.min()) < float(batch.mosaic.max()) <= 1
    assert run.advance().isfinite()
    assert run.weights().truth == "pictures"
    run, about = begin.from_packed(asked.model_copy(update={"truth": "light"}), shown, device="cpu")
    assert "pictures" not in about
    assert run.task.batch(4, torch.Generator().manual_seed(1)).linear == 4
    with pytest.raises(ValueError, match="no pictures are packed in it; pack anew with --pictures"):
        begin.from_packed(asked, path, device="cpu")
    with pytest.raises(ValueError, match="pictures are what chen learns, and dark learns light"):
        begin.from_packed(SMALL.model_copy(update={"truth": "pictures"}), shown, device="cpu")
    with pytest.raises(ValueError, match="truth is of real pairs"):
        begin.from_disk(asked, [tmp_path])


@pytest.mark.parametrize("cfa", BOTH)
def test_kernels_and_tensors_agree(cfa: str) -> None:
    light, halo = scene(cfa, 2), methods.cpu(cfa, "auto", half=False).halo
    one, other = (made(light, cfa, halo).numpy() for made in (sid._by_kernel, sid._by_tensors))
    assert one == pytest.approx(other, abs=2e-5)


def test_a_batch_is_of_the_file_resident_or_not(path: Path) -> None:
    asked = sid.fitted(SMALL, path)
    source = sid.opened(asked, path)
    batches = [
        sid.Task(asked, each).batch(8, torch.Generator().manual_seed(3))
        for each in (source, source.resident("cpu"))
    ]
    assert batches[0].mosaic.shape == (8, 1, 16, 16)
    assert batches[0].truth.shape == (8, 3, 16, 16)
    for name in ("mosaic", "sigma", "truth"):
        assert torch.equal(getattr(batches[0], name), getattr(batches[1], name))
    assert sid.Task(asked, source).digest() == source.digest()


def test_a_device_is_trained_on(path: Path, device: str) -> None:
    for is_resident in (False, True):
        run, _ = begin.from_packed(SMALL, path, device=device, is_resident=is_resident)
        assert run.advance().isfinite()
        assert run.task.device.type == device


def test_only_what_is_drawn_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = sid.fitted(SMALL, path)
    source, read = sid.opened(asked, path), list[int]()
    stored = h5py.File(path)["mosaics"]

    class Counted:
        shape = stored.shape

        def __getitem__(self, at: object) -> np.ndarray:
            found: np.ndarray = stored[at]
            read.append(found.size)
            return found

    monkeypatch.setattr(packed_file, "handle", lambda _: {"mosaics": Counted()})
    sid.Task(asked, source)._batch(3, torch.Generator().manual_seed(0))
    assert read == [36 * 36] * 2 * 3


def test_stopped_and_gone_on_is_the_same_run(path: Path, tmp_path: Path) -> None:
    def begun() -> Run:
        return begin.from_packed(SMALL, path, device="cpu")[0]

    whole, part, rest = begun(), begun(), begun()
    loop.train(whole, tmp_path / "whole")
    loop.train(part, tmp_path / "parts", stop_at=2)
    loop.train(rest, tmp_path / "parts")
    assert rest.step == whole.step == 5
    for name, one in whole.net.state_dict().items():
        assert torch.equal(one, rest.net.state_dict()[name])
        assert not torch.equal(one, part.net.state_dict()[name])
    assert torch.equal(whole.generator.get_state(), rest.generator.get_state())


def test_batches_made_ahead_are_those_without(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ahead = begin.from_packed(SMALL, path, device="cpu")[0]
    losses = [float(ahead.advance()) for _ in range(3)]
    monkeypatch.setattr(sid.Task, "batch", sid.Task._batch)
    plain = begin.from_packed(SMALL, path, device="cpu")[0]
    assert [float(plain.advance()) for _ in range(3)] == losses


def test_a_network_gets_better(path: Path, tmp_path: Path) -> None:
    run, about = begin.from_packed(SMALL.model_copy(update={"steps": 30, "batch": 4}), path, device="cpu")
    assert "4 pairs, 16 crops of RGGB" in about
    losses = list[float]()
    loop.train(run, tmp_path, say=lambda line: losses.append(line["loss"]))
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


def test_the_cfa_is_that_of_the_file(tmp_path: Path) -> None:
    fuji = sid_files.packed(tmp_path, "sid-fuji")
    asked = TrainSettings(network="chen", crop=18, batch=2, precision="fp32")
    run, _ = begin.from_packed(asked, fuji, device="cpu")
    assert run.settings.cfa == X_T2
    assert run.advance().isfinite()
    with pytest.raises(ValueError, match="Bayer"):
        begin.from_packed(asked.model_copy(update={"network": "dark", "width": 8}), fuji, device="cpu")
    with pytest.raises(ValueError, match="6 x 6 photosites, got a side of 16; give 12"):
        begin.from_packed(asked.model_copy(update={"crop": 16}), fuji, device="cpu")


@pytest.mark.parametrize(
    "other", [{"physical": 0.5}, {"noisy": 0.5}, {"dark": "mine.toml"}, {"mining_every": 9}]
)
def test_settings_of_clean_pictures_are_refused(path: Path, other: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(other))}: of clean pictures.*leave out"):
        begin.from_packed(TrainSettings(crop=16, **other), path, device="cpu")


def test_a_crop_with_its_margin_fits(path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"36 x 36 are stored, and one of 32 takes 20 more .* up to 16, or pack"
    ):
        begin.from_packed(TrainSettings(crop=32), path, device="cpu")


@pytest.mark.parametrize(
    ("name", "said"), [("noise", "noise of 4 of 4"), ("as_shot_neutral", "white balance of 4")]
)
def test_what_is_not_known_is_said_before_anything_begins(tmp_path: Path, name: str, said: str) -> None:
    path = sid_files.packed(tmp_path)
    with packed_file.opened(path, "r+") as file:
        rows = file["frames"][:]
        rows[name] = np.nan
        file["frames"][:] = rows
    with pytest.raises(ValueError, match=f"{said}.*pack anew"):
        begin.from_packed(SMALL, path, device="cpu")


def test_mining_is_not_for_pairs(path: Path) -> None:
    asked = sid.fitted(SMALL, path)
    with pytest.raises(ValueError, match="leave mining out"):
        sid.Task(asked, sid.opened(asked, path)).mine(torch.nn.Identity())


def test_no_noise_is_no_division(tmp_path: Path) -> None:
    run, _ = begin.from_packed(SMALL, sid_files.packed(tmp_path, noise=Noise(0.0, 0.0)), device="cpu")
    assert run.advance().isfinite()
