"""Outputs: everything that a run writes, begun, written and completed in the order that is safe."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydigits.items import Chunk
from tinydigits.reading import Keep
from tinydigits.sinks.files import is_device
from tinydigits.sinks.output import Format, file_sink, stdout_sink
from tinydigits.sinks.rows import Rows, Shown, Write

if TYPE_CHECKING:
    from tinydigits.sinks.sort import SortBy


@dataclass(slots=True)
class Outputs:
    """Everything that a run writes. `opened` begins and completes it."""

    rows: Rows
    format: Format = "text"
    output: str | None = None  # the file of rows; None for stdout
    # Whether rows are added to the file as pictures arrive, until a signal ends the run.
    grows: bool = False
    # The settings of a run that goes on with the rows in `output`; None if it cannot.
    resumed: Mapping[str, object] | None = None
    save_fit: str | None = None  # a folder for the pictures that the model sees
    report: str | None = None  # the file of an HTML page
    sort_into: str | None = None  # a folder that pictures are sorted into
    sort_by: "SortBy" = "copy"
    # Is called with each step of sorting, in place of rows on stdout; no step is carried out.
    dry_run: Callable[[str], None] | None = None

    # Rows of an earlier run, by status, whose chunks `remaining` left out.
    earlier: Counter[str] = field(default_factory=Counter, init=False)
    # Pictures that could not be sorted, and why.
    unsorted: list[tuple[str, str]] = field(default_factory=list, init=False)
    # Leaves out the chunks whose rows are in `output` already.
    remaining: Callable[[Iterable[Chunk]], Iterable[Chunk]] = field(default=iter, init=False)

    _writes: list[Write] = field(default_factory=list, init=False)

    @property
    def keep(self) -> Keep:
        """Return what each Reading has to keep for these outputs."""
        reports = self.report is not None
        return Keep(fitted=self.save_fit is not None or reports, thumbnails=reports)

    @contextmanager
    def opened(self, inputs: tuple[str, ...]) -> Iterator[Write]:
        """Begin all outputs, and complete them if the block ends without an error. Yield the
        function that writes the answers of a chunk to each of them.

        Rows are begun last, so that a refusal by another output leaves their file as it was. They
        are written first, so that a picture is moved only when it has a row. They are completed
        last, when all else is there. Raises SinkError and ResumeError.
        """
        with ExitStack() as rows, ExitStack() as others:
            if self.save_fit is not None:
                from tinydigits.sinks.fitted import fit_sink

                self._writes.append(fit_sink(self.save_fit, inputs))
            if self.report is not None:
                from tinydigits.sinks.report import report_sink

                labels = self.rows.labels if isinstance(self.rows, Shown) else None
                self._writes.append(others.enter_context(report_sink(self.report, labels)))
            if self.sort_into is not None:
                from tinydigits.sinks.sort import sort_sink

                sort = sort_sink(self.sort_into, self.sort_by, inputs, self.dry_run)
                sorter = others.enter_context(sort)
                self.unsorted = sorter.failed
                self._writes.append(sorter)
            self._writes.insert(0, rows.enter_context(self._rows()))
            yield self._write

    def _write(self, answers: Any) -> None:
        for write in self._writes:
            write(answers)

    @contextmanager
    def _rows(self) -> Iterator[Write]:
        if self.output is None:
            if self.dry_run is not None:
                yield lambda _: None
                return
            with stdout_sink(self.format, self.rows) as write:
                yield write
        elif self.resumed is None or (self.grows and is_device(Path(self.output))):
            with file_sink(self.output, self.format, self.rows, self.grows) as write:
                yield write
        else:
            from tinydigits.sinks.resume import open_journal

            assert self.format in ("csv", "csv-excel", "jsonl")
            with open_journal(
                self.output, self.format, self.rows, self.resumed, not self.grows
            ) as journal:
                self.remaining = journal.unread if self.grows else journal.remaining
                self.earlier = journal.found
                yield journal.write
