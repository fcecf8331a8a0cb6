"""Training pairs: the right light through the right filter, with the noise that they say they have."""

import math
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest
import torch

from deepisp.data import optics, pairs, unprocess
from deepisp.data.noises import AlongLine, Fixed, Gaussian, InBox, Lines, OfCamera, known
from deepisp.data.pairs import Simulator
from deepisp.data.simulate import CELLS
from deepisp.sensor import cfa, profile
from tests.conftest import REPOSITORY

CELLS_ALL = [*cfa.BAYER, *CELLS.values()]
QUIET = Fixed(0.0, 0.0)


def pictures(count=3, height=26, width=31, seed=1, dtype=torch.uint8):
    rng = torch.Generator().manual_seed(seed)
    made = torch.randint(0, 256, (count, 3, height, width), generator=rng, dtype=dtype)
    made[..., :5, :5] = 255  # a highlight
    return made


def seeded(device="cpu", seed=7):
    return torch.Generator(device).manual_seed(seed)


@pytest.mark.parametrize("cell", CELLS_ALL)
def test_a_mosaic_without_noise_is_the_truth_through_the_cfa(cell, device):
    made = Simulator(cell, QUIET)(pictures().to(device), seeded(device))
    truth, mosaic = made.truth.cpu().numpy(), made.mosaic.cpu().numpy()
    side, letters = cfa.side(cell), cfa.colors(cell)
    assert truth.shape == (3, len(letters), 26, 31)
    for row in range(26):
        for column in range(31):
            letter = cell[row % side * side + column % side]
            assert (mosaic[:, 0, row, column] == truth[:, letters.index(letter), row, column]).all()


def test_the_truth_is_what_unprocessing_gives():
    given = pictures()
    made = Simulator(noises=QUIET)(given, seeded())
    assert torch.equal(made.truth, unprocess.unprocess(given, made.draw))
    assert made.truth.max() == 1


def test_without_filters_a_gray_is_as_bright_as_in_green():
    gray = torch.full((2, 3, 8, 8), 150, dtype=torch.uint8)
    made = Simulator("W", QUIET)(gray, seeded())
    camera = unprocess.unprocess(gray, made.draw)
    assert torch.allclose(made.truth, camera[:, 1:2], atol=1e-6)
    assert torch.equal(made.mosaic, made.truth)


@pytest.mark.parametrize("cell", ["GRBG", cfa.XTRANS])
@pytest.mark.parametrize("stored", [0, 90, 180])
def test_noise_has_the_mean_and_variance_of_its_line(cell, stored, device):
    flat = torch.full((4, 3, 300, 300), stored, dtype=torch.uint8, device=device)
    made = Simulator(cell, AlongLine(), saturates=False)(flat, seeded(device))
    error = (made.mosaic - pairs.through(made.truth, cell)).double().cpu()
    which = torch.from_numpy(np.tile(cfa.indices(cell), (150, 150))[:300, :300])
    for one in range(4):
        for color in range(3):
            light = made.truth[one, color, 0, 0].item()
            asked = made.noise.shot[one, color].item() * light + made.noise.read[one, color].item()
            seen = error[one, 0][which == color]
            assert abs(seen.mean()) < 5 * math.sqrt(asked / seen.numel())
            assert seen.var() == pytest.approx(asked, rel=5 * math.sqrt(2 / seen.numel()))


def test_each_color_may_have_noise_of_its_own():
    class PerColor:
        def draw(self, batch, *, colors, generator=None, device="cpu"):
            return Lines(torch.zeros(batch, 3), torch.tensor([[1e-4, 4e-4, 9e-4]]).repeat(batch, 1))

    flat = torch.full((1, 3, 400, 400), 100, dtype=torch.uint8)
    made = Simulator("RGGB", PerColor())(flat, seeded())
    for (row, column), std in {(0, 0): 0.01, (0, 1): 0.02, (1, 0): 0.02, (1, 1): 0.03}.items():
        seen = made.mosaic[0, 0, row::2, column::2]
        assert seen.std().item() == pytest.approx(std, rel=5 / math.sqrt(2 * seen.numel()))


def test_display_coded_mosaics_are_those_of_the_benchmarks(device):
    given = pictures(40, 64, 64).to(device)
    made = Simulator.display_coded("BGGR")(given, seeded(device))
    assert made.draw is None
    assert torch.equal(made.truth, given.float() / 255)
    error = made.mosaic - pairs.through(made.truth, "BGGR")
    sigma = made.noise.read[:, 0].sqrt()
    assert (made.noise.shot == 0).all()
    assert (error[sigma == 0] == 0).all()
    assert (
        2 <= (sigma == 0).sum() <= 20
    )  # a quarter of 40, binomial: less than 2 or more than 20 once in 1000
    n = 64 * 64
    noisy = sigma > 0
    deviation = error.std((-3, -2, -1))[noisy] / sigma[noisy]
    assert ((deviation - 1).abs() < 5 / math.sqrt(2 * n)).all()
    assert made.mosaic.max() > 1  # clipped nowhere
    assert made.mosaic.min() < 0


def test_a_sensor_saturates_and_is_not_clipped_below_black():
    made = Simulator(noises=Fixed(1e-2, 1e-4))(pictures(), seeded())
    assert made.mosaic.max() == 1
    assert made.mosaic.min() < 0
    free = Simulator(noises=Fixed(1e-2, 1e-4), saturates=False)(pictures(), seeded())
    assert free.mosaic.max() > 1.5
    assert free.truth.max() > 1.5
    assert torch.equal(free.mosaic.clamp(max=1), made.mosaic)


def test_an_exposure_ratio_dims_the_mosaic_alone():
    given = pictures(50, 8, 8)
    made = Simulator(noises=QUIET, exposure_ratio=(100, 300))(given, seeded())
    ratio = made.exposure_ratio
    assert 100 <= ratio.min() < 130
    assert 250 < ratio.max() <= 300
    clean = pairs.through(unprocess.to_camera(unprocess.linearize(given, made.draw), made.draw), "RGGB")
    assert torch.allclose(made.mosaic * ratio[:, None, None, None], clean, rtol=1e-5)
    assert clean.max() > 1.5  # what saturates the truth does not saturate the mosaic
    assert torch.equal(made.truth, unprocess.unprocess(given, made.draw))


def test_amplified_noise_is_that_of_the_amplified_signal():
    flat = torch.full((2, 3, 300, 300), 128, dtype=torch.uint8)
    made = Simulator("W", Fixed(1e-3, 1e-6), exposure_ratio=(50, 50))(flat, seeded()).amplified()
    assert made.noise.shot[0, 0] == pytest.approx(0.05)
    assert made.noise.read[0, 0] == pytest.approx(2.5e-3)
    for one in range(2):
        light, n = made.truth[one, 0, 0, 0].item(), 90_000
        asked = 0.05 * light + 2.5e-3
        assert made.mosaic[one].mean().item() == pytest.approx(light, abs=5 * math.sqrt(asked / n))
        assert made.mosaic[one].var().item() == pytest.approx(asked, rel=5 * math.sqrt(2 / n))
    assert (made.exposure_ratio == 1).all()


def test_halving_and_blur_act_on_light():
    given = pictures(2, 16, 16)
    psf = optics.gaussian(0.8)
    made = Simulator(noises=QUIET, halves=True, psf=psf)(given, seeded())
    light = optics.blur(optics.halve(unprocess.linearize(given, made.draw)), psf)
    assert made.mosaic.shape == (2, 1, 8, 8)
    assert torch.allclose(made.truth, unprocess.to_camera(light, made.draw).clamp(max=1), atol=1e-6)


def test_a_seed_is_a_batch(monkeypatch):
    given = pictures(5)
    first, again, other = (Simulator()(given, seeded(seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(first.mosaic, again.mosaic)
    assert torch.equal(first.truth, again.truth)
    assert not torch.equal(first.mosaic, other.mosaic)
    monkeypatch.setattr(pairs, "_PART", 1)  # in parts or in one piece
    assert torch.equal(Simulator()(given, seeded(seed=1)).truth, first.truth)


def test_torch_keeps_its_threads_where_simulations_overlap(monkeypatch):
    """The number is the process's, and a new thread adopts it when it first asks."""
    linearize, inside, leave = unprocess.linearize, [Event(), Event()], [Event(), Event()]

    def waiting(given, draw):
        which = int(inside[0].is_set())  # the second comes when the first is known to be inside
        inside[which].set()
        assert leave[which].wait(20)
        return linearize(given, draw)

    monkeypatch.setattr(unprocess, "linearize", waiting)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with ThreadPoolExecutor(2) as pool:
            running = []
            for number in (0, 1):
                running.append(pool.submit(Simulator(), pictures(), seeded()))
                assert inside[number].wait(20)
            for number in (0, 1):
                leave[number].set()
                running[number].result(20)
        with ThreadPoolExecutor(1) as fresh:
            assert fresh.submit(torch.get_num_threads).result() == 2
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("dtype", [torch.uint16, torch.float32])
def test_pictures_of_other_types_are_the_same_pictures(dtype):
    given = pictures()
    scaled = (given.int() * 257).to(dtype) if dtype == torch.uint16 else given.float() / 255
    same = Simulator(noises=QUIET)(scaled, seeded())
    assert torch.allclose(same.truth, Simulator(noises=QUIET)(given, seeded()).truth, atol=1e-5)
    shown = Simulator.display_coded(noises=QUIET)(scaled, seeded())
    assert torch.allclose(shown.truth, given.float() / 255, atol=1e-6)


def test_the_line_is_that_of_the_paper_and_of_the_generic_file():
    n = 20_000
    drawn = AlongLine().draw(n, colors="RGB", generator=seeded())
    x, y = drawn.shot.log(), drawn.read.log()
    residual = y - (2.18 * x + 1.20)
    assert drawn.shot.shape == (n, 1)
    assert abs(residual.mean()) < 5 * 0.26 / math.sqrt(n)
    assert abs(residual.std() - 0.26) < 5 * 0.26 / math.sqrt(2 * n)
    low, high = math.log(1e-4), math.log(0.012)
    assert low <= x.min() < low + 0.01
    assert high - 0.01 < x.max() <= high
    assert abs(x.mean() - (low + high) / 2) < 5 * (high - low) / math.sqrt(12 * n)
    prior = profile.load(REPOSITORY / "sensors" / "generic.toml").prior
    own = AlongLine()
    assert (prior.shot_min, prior.shot_max) == own.shot
    assert (prior.line.slope, prior.line.bias, prior.line.std) == (own.slope, own.bias, own.std)


def test_a_box_has_the_corners_of_kpn():
    shot, read = InBox().draw(5000, colors="RGB", generator=seeded())
    assert 1e-4 <= shot.min() < 1.1e-4
    assert 0.9e-2 < shot.max() <= 1.0001e-2
    assert 1e-6 <= read.min() < 1.1e-6
    assert 0.9e-3 < read.max() <= 1.0001e-3  # (10^-1.5)^2
    assert abs(torch.corrcoef(torch.stack([shot.log()[:, 0], read.log()[:, 0]]))[0, 1]) < 5 / math.sqrt(5000)


def test_a_camera_draws_its_own_noise():
    shot, read = OfCamera.named("sony-a7s-ii", (1600, 1600)).draw(3, colors="RGB", generator=seeded())
    assert shot.flatten().tolist() == pytest.approx([1.5301 / 15871] * 3)
    assert read.flatten().tolist() == pytest.approx([(6.2992**2 + 0.98879**2) / 15871**2] * 3)
    per_color = OfCamera.named("imx296", (100, 100)).draw(2, colors="RGB", generator=seeded())
    assert per_color.shot[1].tolist() == pytest.approx([g / 963 for g in (0.0917, 0.0948, 0.0918)])
    assert known("A7S2") == known("sony-a7s-ii")


def test_isos_of_a_camera_are_log_uniform():
    n = 5000
    camera = OfCamera.named("sony-a7s-ii", (100, 25600))
    shot, read = camera.draw(n, colors="RGB", generator=seeded())
    ends = [camera.profile.noise(iso).noise[None] for iso in (100, 25600)]
    assert (shot.min().item(), shot.max().item()) == pytest.approx([one.shot for one in ends], rel=0.03)
    # Below 1600 and above 2000 gain goes with ISO, so shot noise is uniform in log; half the ISOs lie below 1600.
    assert shot.shape == read.shape == (n, 1)
    below = (shot < camera.profile.noise(1600).noise[None].shot).float().mean()
    assert abs(below - 0.5) < 5 * math.sqrt(0.25 / n)
    # Read noise goes with its own ISO, not with another draw's.
    lines = [camera.profile.noise(iso).noise[None] for iso in np.geomspace(100, 25600, 1000)]
    for one in range(20):
        nearest = min(lines, key=lambda line: abs(math.log(line.shot / shot[one].item())))
        assert read[one].item() == pytest.approx(nearest.read, rel=0.03)


def test_gaussian_sigma_is_uniform():
    read = Gaussian((0.1, 0.3), clean=0).draw(5000, colors="RGB", generator=seeded()).read.sqrt()
    assert abs(read.mean() - 0.2) < 5 * 0.2 / math.sqrt(12 * 5000)
    assert read.min() > 0.0999
    assert read.max() < 0.3001


def test_what_makes_no_sense_is_said():
    with pytest.raises(ValueError, match="add the batch's axis"):
        Simulator()(torch.zeros(3, 8, 8))
    with pytest.raises(ValueError, match="write RGGB"):
        Simulator("GMCY")
    with pytest.raises(ValueError, match="exposure ratios go from 1 up"):
        Simulator(exposure_ratio=(0.5, 2))
    with pytest.raises(ValueError, match="known: canon"):
        known("Brownie")
