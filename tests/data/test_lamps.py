"""Night scenes: some samples, dimmer, with lamps; and none that were not asked for."""

import torch

from deepisp.data import lamps

NEUTRAL = torch.tensor([[0.5, 1.0, 0.7]]).expand(64, 3)


def made(share: float, seed: int = 1) -> torch.Tensor:
    light = 0.5 * NEUTRAL[:, :, None, None].expand(64, 3, 64, 64)
    return (
        lamps.nights(light, NEUTRAL, share, torch.Generator().manual_seed(seed)) / NEUTRAL[:, :, None, None]
    )


def test_so_many_samples_are_nights_and_the_rest_is_as_it_was() -> None:
    nights = made(0.25)
    is_day = (nights == 0.5).all(-1).all(-1).all(-1)
    assert 36 <= is_day.sum() <= 60
    assert torch.equal(made(0.0), torch.full((64, 3, 64, 64), 0.5))


def test_a_night_is_dim_but_for_its_lamps() -> None:
    nights = made(1.0)
    scene = nights.amax(1).flatten(1).median(1).values
    assert scene.max() <= 0.5
    assert scene.min() >= 0.5 / 20 - 1e-6
    assert scene.quantile(0.25) < 0.1
    peaks = nights.amax(1).flatten(1).amax(1)
    assert (peaks > 0.7).float().mean() > 0.7
    assert peaks.max() <= 2.5
    assert ((nights.amax(1) > 0.7).float().mean((1, 2)) < 0.3).all()


def test_a_seed_is_a_night() -> None:
    assert torch.equal(made(0.5), made(0.5))
    assert not torch.equal(made(0.5), made(0.5, seed=2))
