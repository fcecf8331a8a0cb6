"""Crops: each is a piece of a picture, turned; hard squares come more often; each place is reached."""

import numpy as np
import pytest
import torch

from deepisp.data import augment
from deepisp.data.crops import Crops

SHAPES = [(40, 33), (16, 64), (15, 90)]  # the last is too small


def pictures():
    """Pixels that say where they are: picture, row, column."""
    for number, (height, width) in enumerate(SHAPES):
        rows, columns = np.mgrid[:height, :width]
        yield np.stack([np.full_like(rows, number), rows, columns], -1).astype(np.uint8)


def crops():
    return Crops.of(pictures(), 16)


def drawn(count=400, weights=None, seed=1):
    return crops().draw(count, torch.Generator().manual_seed(seed), weights)


def test_a_crop_is_a_turned_piece_of_one_picture():
    seen = set()
    for crop in drawn():
        upright = bool((crop[1, 0] == crop[1, 0, 0]).all())
        number, rows, columns = crop if upright else crop.mT
        assert (number == number[0, 0]).all()
        down, across = rows[:, 0].int().diff(), columns[0].int().diff()
        assert (rows == rows[:, :1]).all()
        assert (columns == columns[:1]).all()
        assert down.abs().unique().tolist() == [1] == across.abs().unique().tolist()
        seen.add((upright, int(down[0]), int(across[0])))
    assert len(seen) == 8


def test_every_pixel_is_reached_and_no_small_picture():
    found = drawn(4000)
    places = {tuple(map(int, pixel)) for pixel in found.movedim(1, -1).reshape(-1, 3).unique(dim=0)}
    assert places == {(n, r, c) for n in (0, 1) for r in range(SHAPES[n][0]) for c in range(SHAPES[n][1])}


def test_weights_choose():
    made = crops()
    weights = (made.squares[:, 0] == 1).double()
    assert (drawn(50, weights)[:, 0] == 1).all()


def test_squares_as_they_are():
    made = crops()
    every = made.at(torch.arange(len(made)))
    assert every[:, 1, 0, 0].tolist() == made.squares[:, 1].tolist()
    assert every[:, 2, 0, 0].tolist() == made.squares[:, 2].tolist()
    assert every[:, 2, 0, -1].tolist() == (made.squares[:, 2] + 15).tolist()
    assert {tuple(one) for one in made.squares.tolist()} == {
        *((0, r, c) for r in (0, 16, 24) for c in (0, 16, 17)),
        *((1, 0, c) for c in (0, 16, 32, 48)),
    }


def test_one_seed_one_draw():
    assert torch.equal(drawn(seed=3), drawn(seed=3))
    assert not torch.equal(drawn(seed=3), drawn(seed=4))


def test_only_small_pictures_are_refused():
    with pytest.raises(ValueError, match="no picture holds a crop of 64"):
        Crops.of(pictures(), 64)


def test_colors_stay_in_range_and_some_stay_as_they_are():
    generator = torch.Generator().manual_seed(1)
    given = torch.randint(0, 256, (400, 3, 4, 4), dtype=torch.uint8, generator=generator)
    made = augment.colors(given, generator)
    assert made.min() >= 0
    assert made.max() <= 1
    same = (made - given / 255).abs().amax((1, 2, 3)) < 1e-6
    # Unpermuted (half, and a sixth of the other half), not saturated, not toned: 0.583 * 0.5 * 0.7 = 0.204.
    assert 0.14 < float(same.float().mean()) < 0.27


def test_gray_stays_gray():
    generator = torch.Generator().manual_seed(1)
    gray = torch.randint(0, 256, (64, 1, 4, 4), dtype=torch.uint8, generator=generator).expand(-1, 3, -1, -1)
    made = augment.colors(gray.contiguous(), generator)
    assert float((made - made[:, :1]).abs().max()) < 1e-6
