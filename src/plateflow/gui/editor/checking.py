"""When to ask: never two questions at once, and only about the newest text; no Qt."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Checking:
    """What is to be checked, and what is being checked."""

    wanted: str | None = None
    """The newest text that was not asked about."""
    asked: str | None = None
    """The text that an answer is awaited for."""

    @property
    def busy(self) -> bool:
        """Whether what is shown is not checked yet."""
        return self.wanted is not None or self.asked is not None

    def want(self, text: str) -> None:
        """Have a text checked; an older one that was not asked about is not checked any more."""
        self.wanted = text

    def begin(self) -> str | None:
        """Return the text to ask about now; None where there is none, or an answer is awaited."""
        if self.asked is not None or self.wanted is None:
            return None
        self.asked, self.wanted = self.wanted, None
        return self.asked

    def finish(self) -> None:
        """Note that the answer came."""
        self.asked = None
