# SPDX-License-Identifier: MIT
"""Some seeds that together have every front-end, hub and store, and each fault."""

import pytest

import scenario
import stage
from faults import KINDS
from trial import attempt

SEEDS = (14, 24, 149, 152, 157, 167)


@pytest.mark.parametrize("seed", SEEDS)
def test_seed(seed):
    lacks = stage.missing(scenario.draw(seed).way)
    if lacks:
        pytest.skip(lacks)
    failure = attempt(seed).failure()
    if failure:
        pytest.fail(failure, pytrace=False)


def test_the_seeds_have_it_all():
    drawn = [scenario.draw(s) for s in SEEDS]
    assert {d.way for d in drawn} == set(scenario.WAYS)
    assert {d.store for d in drawn} == set(scenario.STORES)
    assert {d.hub for d in drawn} == {"embedded", "alone", "standby"}
    assert {f.what for d in drawn for f in d.faults} == set(KINDS)
    assert {d.window for d in drawn} == set(scenario.WINDOWS)
    assert {d.log_may_die for d in drawn} == {d.trims for d in drawn} == {True, False}


def test_a_seed_is_always_the_same_scenario():
    assert scenario.draw(5) == scenario.draw(5)
    assert scenario.draw(5).publishings != scenario.draw(6).publishings
