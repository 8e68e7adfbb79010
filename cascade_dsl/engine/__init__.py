"""The scheduler: `step` decides and emits events, `apply` is the only change. Pure: no await, no clock, no I/O."""
