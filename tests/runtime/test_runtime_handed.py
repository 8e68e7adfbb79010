"""The variables that tell a body which units of its resources it has."""

from __future__ import annotations

import pytest

from cascade_dsl.ir.requirement import Dimension
from cascade_dsl.limits.units import Given
from cascade_dsl.runtime.handed import Handed, variable_of

COUNTS: dict[str, Dimension] = {"cpu": "millicpu", "mem": "bytes", "gpu": "count", "db": "count", "licence_b2": "count"}


def env(demanded: dict[str, int], units: Given, environ: dict[str, str] | None = None) -> dict[str, str]:
    return dict(Handed(COUNTS, environ or {}).env(demanded.items(), units))


@pytest.mark.parametrize(
    ("resource", "variable"),
    [
        ("gpu", "CASCADE_GPU"),
        ("licence_b2", "CASCADE_LICENCE_B2"),
        ("my-db", "CASCADE_MY_DB"),
        ("groß", "CASCADE_GROSS"),
    ],
)
def test_the_name_of_the_variable(resource: str, variable: str) -> None:
    assert variable_of(resource) == variable


def test_a_body_is_told_what_it_has() -> None:
    assert env({"cpu": 1000, "gpu": 2, "db": 1}, (("gpu", (0, 3)), ("db", (0,)))) == {
        "CASCADE_GPU": "0,3",
        "CUDA_VISIBLE_DEVICES": "0,3",
        "CASCADE_DB": "0",
    }


@pytest.mark.parametrize(
    ("visible", "units", "told"),
    [("2,5", (0,), "2"), ("2,5", (1,), "5"), ("GPU-a,GPU-b", (0, 1), "GPU-a,GPU-b"), ("", (0,), ""), ("-1", (1,), "")],
)
def test_gpus_have_the_names_that_the_run_was_given(visible: str, units: tuple[int, ...], told: str) -> None:
    given = env({"gpu": len(units)}, (("gpu", units),), {"CUDA_VISIBLE_DEVICES": visible})
    assert given["CUDA_VISIBLE_DEVICES"] == told


def test_a_demand_of_none_is_shown_none() -> None:
    assert env({"gpu": 0, "db": 0}, ()) == {"CASCADE_GPU": "", "CUDA_VISIBLE_DEVICES": "", "CASCADE_DB": ""}


def test_what_is_not_demanded_or_hands_out_nothing_is_left_as_it_is() -> None:
    assert env({"cpu": 1000}, ()) == {}
    assert env({"gpu": 1, "db": 5000}, ()) == {}


def test_units_of_an_outer_run_are_not_inherited() -> None:
    environ = {"CASCADE_DB": "7", "CASCADE_GPU": "1", "CASCADE_MEM": "5", "CUDA_VISIBLE_DEVICES": "1", "HOME": "/h"}
    assert Handed(COUNTS, environ).inherited() == {"CUDA_VISIBLE_DEVICES": "1", "HOME": "/h"}


def test_a_variable_that_means_something_else_or_two_things_is_nobodys() -> None:
    dimensions: dict[str, Dimension] = {
        "run": "count",
        "mem": "bytes",
        "db": "count",
        "DB": "count",
        "licence": "count",
    }
    handed = Handed(dimensions, {})
    assert handed.variables == {"licence": "CASCADE_LICENCE"}
    assert dict(
        handed.env([("run", 1), ("db", 1), ("licence", 1)], (("run", (0,)), ("db", (0,)), ("licence", (2,))))
    ) == {"CASCADE_LICENCE": "2"}
