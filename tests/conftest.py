"""Settings of all tests."""

from __future__ import annotations

import os

from hypothesis import settings

# The same examples each time: a red test is red for everybody. HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))
