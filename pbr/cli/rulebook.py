"""A rulebook on the terminal: the words first, then each rule with its figures, its sources and its worked cases."""

from __future__ import annotations

import textwrap

from rich.text import Text

from pbr.cli.console import people
from pbr.rulebook.book import PARTS, DatedFigure, Entry, Figure, Link, Rulebook


def print_rulebook(book: Rulebook) -> None:
    """Print a whole rulebook on standard output."""
    _Printer(book).all()


class _Printer:
    def __init__(self, book: Rulebook) -> None:
        self.book = book
        self.console = people()
        self.width = min(self.console.width, 110)

    def line(self, text: str = "", indent: int = 0, style: str = "") -> None:
        """One paragraph, wrapped; lines after the first hang two deeper."""
        first, rest = " " * indent, " " * (indent + 2 if indent else 0)
        wrapped = textwrap.wrap(text, self.width, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False)
        for each in wrapped or [""]:
            self.console.print(Text(each, style=style), soft_wrap=True)

    def title(self, text: str) -> None:
        self.line()
        self.line(text.upper(), style="bold")

    def all(self) -> None:
        book = self.book
        self.line(book.title, style="bold")
        self.line(f"pack {book.pack} · figures of {book.on} · digest {book.digest}")
        if book.overlay:
            self.line(f"With {book.overlay} over it: what that changed is marked [changed by the overlay].")
        self.line(book.citation, style="dim")
        self.title("Whom it decides, and when")
        self.in_force()
        self.title("The words")
        self.words()
        part = ""
        for entry in book.entries:
            if entry.part != part:
                part = entry.part
                self.title(PARTS[part])
            self.entry(entry)
        self.title("Tariff")
        self.tariff()

    def in_force(self) -> None:
        for one in self.book.in_force:
            self.line()
            self.line(f"Families engaged from {one.engaged.start} until {one.engaged.until},")
            self.line(f"decided from {one.decided.start} until {one.decided.until} ({one.standing}).", indent=2)
            self.line(" ".join(one.citation.split()), indent=2, style="dim")

    def words(self) -> None:
        for group in self.book.words:
            self.line()
            self.line(group.title, style="bold")
            for word in group.words:
                self.line(f"{word.word}: {word.means}", indent=2)

    def entry(self, entry: Entry) -> None:
        known = ", ".join(filter(None, (entry.id, entry.standing)))
        self.line()
        self.line(f"{entry.title} ({known}){_changed(entry.of_overlay)}", style="bold")
        self.line(entry.citation, indent=2, style="dim")
        for depth, text in entry.lines:
            self.line(text, indent=2 + 2 * depth)
        for label, links in (("rests on", entry.rests_on), ("asked for by", entry.used_by)):
            if links:
                self.line(f"{label}: {_listed(links)}", indent=2)
        for figure in entry.figures:
            self.figure(figure)
        if entry.cases:
            self.line("Cases:", indent=4)
        for case in entry.cases:
            flags = "" if case.flags is None else f"; flags: {', '.join(case.flags) or 'none'}"
            as_of = f", as of {case.as_of}" if case.as_of != self.book.on else ""
            self.line(f"{case.name}{as_of} → {case.expected}{flags}", indent=6)
            self.line(case.basis, indent=10, style="dim")

    def figure(self, figure: Figure) -> None:
        if len(figure.values) == 1:
            (only,) = figure.values
            said = f"{figure.title}: {only.value}, from {only.since} ({figure.parameter}, {only.standing})"
            self.line(said + _changed(only.of_overlay), indent=4)
            self.line(only.citation, indent=8, style="dim")
            return
        self.line(f"{figure.title} ({figure.parameter}):", indent=4)
        for dated in figure.values:
            self.dated(dated)

    def dated(self, dated: DatedFigure) -> None:
        until = f" until {dated.until}" if dated.until else ""
        now = f", in force on {self.book.on}" if dated.in_force else ""
        said = f"{dated.value}, from {dated.since}{until} ({dated.standing}){now}{_changed(dated.of_overlay)}"
        self.line(said, indent=6, style="bold" if dated.in_force else "")
        self.line(dated.citation, indent=10, style="dim")

    def tariff(self) -> None:
        book = self.book
        self.line()
        for line in book.tariff_lines:
            self.line(line)
        self.line(f"Claims can be made until {book.claimed_until}.")
        self.line(book.tariff_citation, indent=2, style="dim")
        for payment in book.tariff:
            self.line()
            self.line(payment.title, style="bold")
            self.figure(payment.figure)


def _changed(of_overlay: bool) -> str:
    return " [changed by the overlay]" if of_overlay else ""


def _listed(links: tuple[Link, ...]) -> str:
    return ", ".join(link.id for link in links)
