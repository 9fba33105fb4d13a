"""COMET (Rei 2022), a learned metric, where the user has installed it: `pip install unbabel-comet`, and its model's 2 GB."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import NetworkError, OptionError, missing_package
from .metrics import Metric, Score
from .significance import Floats

MODEL = "Unbabel/wmt22-comet-da"


class Comet(Metric):
    """COMET with sources and references. Its statistics are a sentence's score and 1: sums give the mean."""

    def __init__(self, sources: Sequence[str] | None, references: Sequence[str], *, gpus: int = 0) -> None:
        """OptionError without sources, MissingPackageError without the package, NetworkError without its model."""
        if sources is None:
            raise OptionError(
                "COMET needs the sources; give them with --src or --test, or leave comet out of --metrics"
            )
        try:
            import comet
        except ImportError as error:
            raise missing_package("unbabel-comet", "COMET") from error
        super().__init__("COMET", None, lambda sums: sums[..., 0] / sums[..., 1])
        self._sources, self._references, self._gpus = sources, references, gpus
        self._version = str(getattr(comet, "__version__", "unknown"))
        try:
            self._model: Any = comet.load_from_checkpoint(comet.download_model(MODEL))
        except (OSError, KeyError, ValueError) as error:
            raise NetworkError(
                f"COMET's model {MODEL} is not here and cannot be fetched ({error}); leave comet out of --metrics"
            ) from error

    def statistics(self, hypotheses: Sequence[str]) -> Floats:
        rows = [
            {"src": src, "mt": mt, "ref": ref}
            for src, mt, ref in zip(self._sources, hypotheses, self._references, strict=True)
        ]
        scores = self._model.predict(rows, batch_size=8, gpus=self._gpus, progress_bar=False).scores
        return np.stack([np.asarray(scores, dtype=np.float64), np.ones(len(rows))], axis=1)

    def score(self, statistics: Floats) -> Score:
        mean = float(self.from_sums(statistics.sum(axis=0)))
        return Score(self.name, mean, f"nrefs:1|model:{MODEL}|version:{self._version}")
