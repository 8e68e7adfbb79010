"""The frames of a state that is replayed to be looked at: those that the engine forgets are kept beside."""

from __future__ import annotations

from ..ir.graph import NodeKey
from .state import Frame


class KeptFrames(dict[NodeKey, Frame]):
    """Takes the place of `State.frames`; what is popped is in `dropped`, since nobody else can ask for it any more."""

    def __init__(self) -> None:
        super().__init__()
        self.dropped: list[Frame] = []

    def pop(self, key: NodeKey, *default: object) -> Frame:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Remove a frame and keep it."""
        frame: Frame = super().pop(key, *default)  # pyright: ignore[reportArgumentType, reportCallIssue, reportUnknownVariableType, reportAssignmentType]
        if isinstance(frame, Frame):
            self.dropped.append(frame)
        return frame

    def whole(self) -> dict[NodeKey, Frame]:
        """All of them by the key of their region, the newest where a region was opened twice."""
        return {(frame.body.region, *frame.path): frame for frame in self.dropped} | self
