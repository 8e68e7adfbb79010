"""Mount namespaces of our own, in which a test may make disks small or read-only and leaves nothing mounted."""

from __future__ import annotations

import subprocess
from functools import cache

import pytest

_WAYS = (("unshare", "-m"), ("unshare", "-r", "-m"))
"""As root; else as the root of a user namespace, which most systems let everybody make."""


@cache
def _way() -> tuple[str, ...] | None:
    for way in _WAYS:
        tried = [
            *way,
            "sh",
            "-c",
            'folder=$(mktemp -d) && mount -t tmpfs tmpfs "$folder" && umount "$folder" && rmdir "$folder"',
        ]
        try:
            if subprocess.run(tried, capture_output=True).returncode == 0:
                return way
        except OSError:
            continue
    return None


def apart() -> tuple[str, ...]:
    """The words before a command that may mount; the test is skipped where nobody may, which `.ci/run` does not let pass."""
    way = _way()
    if way is None:
        pytest.skip("nothing may be mounted here, not even in a namespace of our own")
    return way
