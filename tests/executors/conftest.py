from __future__ import annotations

from executors_work import working as working
