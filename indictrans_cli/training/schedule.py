"""Learning rates over a run. A schedule maps (step, share of the run that is done) to a factor of the highest rate.

The share is of steps or of time, whichever limit is nearer, so that `--max-time 2h` ends its cosine after two hours.
"""

from __future__ import annotations

import math


def learning_rate_factor(schedule: str, step: int, done: float, warmup_steps: int) -> float:
    """The factor, 0 to 1, for optimizer step `step` (counted from 1) when the share `done` (0 to 1) of a run is over.

    `cosine` falls from 1 to a hundredth over the run (Loshchilov and Hutter 2017), and is multiplied by the warm-up, which
    is linear from 0: where the warm-up is a good part of the run, the peak is lower than 1. `inverse-sqrt` rises over the
    warm-up to 1 and falls with the square root of the step (Vaswani et al. 2017).
    """
    warmup = min(1.0, step / max(1, warmup_steps))
    if schedule == "cosine":
        return warmup * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, max(0.0, done)))))
    if schedule == "inverse-sqrt":
        return min(warmup, math.sqrt(max(1, warmup_steps) / step))
    raise ValueError(schedule)
