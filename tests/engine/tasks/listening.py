"""A job that keeps what it is told."""

from engine.cli import EchoJob


class Listening(EchoJob):
    """Keeps what it is told."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []
        self.fractions: list[float] = []

    def log(self, text):
        self.lines.append(text)

    def progress(self, fraction, text):
        self.fractions.append(fraction)
