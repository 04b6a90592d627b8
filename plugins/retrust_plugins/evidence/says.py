"""How a collector says what it found; each detail is a sentence for the person who decides."""

from __future__ import annotations

from retrust.models import Answers, Collected, Grade


class Says:
    """A collector's name, the question it answers, and its three possible answers."""

    name: str
    answers: Answers

    def supported(self, detail: str) -> Collected:
        return self._say(Grade.SUPPORTED, detail)

    def contradicted(self, detail: str) -> Collected:
        return self._say(Grade.CONTRADICTED, detail)

    def nothing(self, detail: str) -> Collected:
        """No evidence, which speaks neither for nor against."""
        return self._say(Grade.NONE, detail)

    def _say(self, grade: Grade, detail: str) -> Collected:
        return Collected(collector=self.name, answers=self.answers, grade=grade, detail=detail)
