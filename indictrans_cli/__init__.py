"""indictrans-cli: English to Hindi on your own machine, and the training of such models.

    >>> from indictrans_cli import Translator
    >>> Translator().translate(["My sister is a doctor."])
    ['मेरी बहन डॉक्टर है।']

Importing this package loads nothing heavy; the first `Translator` does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .translator import Translator

__version__ = "0.1.0"
__all__ = ["Translator", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Translator":
        from .translator import Translator

        return Translator
    raise AttributeError(f"module 'indictrans_cli' has no attribute {name!r}")
