"""The certificate that every game shares."""

from __future__ import annotations

import json

import numpy as np
import pytest

import arbmodels as arb
from arbmodels.games import Deviations


def certificate(profit=(2.0, 0.0, 1e-9), gain=(0.1, 0.5, 1.0), **changes):
    return Deviations(
        **{
            "players": ("a", "b", "c"),
            "profit": profit,
            "gain": gain,
            "deviation": (1.5, "first", 2.5),
            "attained": (True, False, True),
            "exact": True,
            "domain": "all prices",
            "tie_rule": "share",
            "resolution": 7,
            "unit": "USD",
            **changes,
        }
    )


def test_gains_absolute_and_relative():
    found = certificate()
    assert found.epsilon == 1.0
    assert found.relative_gain.tolist() == [0.05, np.inf, pytest.approx(1e9)]
    text = str(found)
    assert "from nothing" in text
    assert "first (in the limit)" in text
    assert "times" in text
    assert "Gains exact, from 7 deviations per player" in text
    assert json.loads(json.dumps(found.to_dict()))["players"][1]["relative_gain"] is None
    assert found.to_frame().shape == (3, 6)
    none = certificate(gain=(0.0, 0.0, 0.0), deviation=(None,) * 3, exact=False)
    assert none.epsilon == none.relative_epsilon == 0
    assert "largest found" in none.words


@pytest.mark.parametrize(
    "changes",
    [{"gain": (0.1, 0.2)}, {"gain": (-0.1, 0, 0)}, {"profit": (np.nan, 0, 0)}, {"players": ("a",)}],
)
def test_what_is_no_certificate(changes):
    with pytest.raises(arb.InputError):
        certificate(**changes)
