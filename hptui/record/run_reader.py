"""Follow a run's log from any process, while it is written: whole lines only, bounded in count and in time."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from hptui.errors import RunDirectoryError
from hptui.opening import open_regular
from hptui.record.events import (
    AnyEvent,
    BatchesTrained,
    CandidateScored,
    DecisionStarted,
    EpochCompleted,
    HyperparametersChosen,
    RunResumed,
    RunStarted,
    decode,
    start_of,
)
from hptui.record.log_order import LATER, LogOrder
from hptui.record.run_directory import EVENTS_FILE, RUN_FILE, check_first_line, check_schema, read_run_file, run_name

READ_BYTES = 1 << 20
"""largest piece read at once, so that a reader of a huge log stays responsive"""
SKIM_BYTES = 1 << 23
"""the same where most lines are passed over unread: some 10 ms of work"""
NEWS_SECONDS = 10.0
"""in which whoever follows a log comes to its last line"""
LONGEST_LINE = 1 << 28
NO_LINES = f"{LONGEST_LINE >> 20} MB of it have no end of a line, so it is no log"
CANDIDATE, BATCHES, DECISION = start_of(CandidateScored), start_of(BatchesTrained), start_of(DecisionStarted)


class RunReader:
    """Follow a run's log from any process; a torn last line means "not yet"."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / EVENTS_FILE
        self._offset = 0
        self._decisions: dict[int, list[tuple[int, int]]] = {}
        """where in the file the candidates of each decision begin, of one that was made again the newest, and where it
        was gone on with, each with the number of candidates before that stand"""
        self._order = LogOrder()
        self.behind = False
        """whether the last `read` stopped for lack of time"""
        self.asked = False
        """whether there was a `read`"""

    def read(self, seconds: float = float("inf"), *, skim: bool = False) -> list[AnyEvent]:
        """Events that were completed since the last call, stopping after about `seconds`.

        Args:
            seconds: at least one piece of the file is read, however short the time.
            skim: pass over the candidates of all but the newest decision, and the batches of epochs that are over.
                With 25 x 25 cells they are 99 % of the lines, and later events sum them up. `candidates` reads
                the former when they are wanted.

        Raises:
            RunDirectoryError: another version wrote the run, or a whole line is not an event this version knows.
        """
        if self._offset == 0 and os.path.lexists(self._directory / RUN_FILE):
            read_run_file(self._directory)  # its format is told before any line is misread
        until = time.monotonic() + seconds
        events: list[AnyEvent] = []
        self.behind, self.asked = False, True
        try:
            with open_regular(self._path) as file:
                while piece := self._piece(file.fileno(), self._offset, SKIM_BYTES if skim else READ_BYTES):
                    events += self._decode_piece(piece, skim=skim)
                    if time.monotonic() > until:
                        self.behind = True
                        break
        except FileNotFoundError:
            return []
        return events

    @property
    def has_news(self) -> bool:
        """Whether lines were added a moment ago that `read` has not come to; not those that it cannot get past."""
        try:
            with open_regular(self._path) as file:
                is_new = time.time() - os.fstat(file.fileno()).st_mtime < NEWS_SECONDS
                return is_new and bool(_whole_lines(file.fileno(), self._offset, READ_BYTES))
        except (OSError, ValueError):
            return False

    def candidates(self, decision: int) -> list[CandidateScored]:
        """All candidates of one decision that `read` has come past, read from the file again."""
        candidates: list[CandidateScored] = []
        with open_regular(self._path) as file:
            for begin, kept in self._decisions[decision]:
                candidates = candidates[:kept] + self._candidates_from(file.fileno(), begin)
        return candidates

    def _candidates_from(self, file: int, offset: int) -> list[CandidateScored]:
        """Candidates up to the end of the decision, or to where it was stopped."""
        candidates: list[CandidateScored] = []
        while piece := self._piece(file, offset, READ_BYTES):
            for start, line in _lines(piece):
                event = self._decode(line, offset + start)
                if isinstance(event, CandidateScored):
                    candidates.append(event)
                elif isinstance(event, (HyperparametersChosen, RunResumed, DecisionStarted)):
                    return candidates
            offset += len(piece)
        return candidates

    def _piece(self, file: int, offset: int, size: int) -> bytes:
        try:
            return _whole_lines(file, offset, size)
        except ValueError as error:
            raise RunDirectoryError(f"{self._path} cannot be read: {error}.") from None

    def _decode_piece(self, piece: bytes, *, skim: bool) -> list[AnyEvent]:
        events = []
        for start, line in _skimmed(piece) if skim else _lines(piece):
            event = self._decode(line, self._offset + start)
            self._take(event, self._offset + start)
            after = self._offset + start + len(line) + 1
            if isinstance(event, DecisionStarted):
                self._decisions[event.decision] = [(after, 0)]
            elif isinstance(event, RunResumed) and event.candidates is not None and event.decisions in self._decisions:
                self._decisions[event.decisions].append((after, event.candidates))
            events.append(event)
        self._offset += len(piece)
        return events

    def _decode(self, line: bytes, offset: int) -> AnyEvent:
        try:
            event = decode(line, offset)
            if isinstance(event, RunStarted):
                check_schema(event.schema, self._path)
                self._check_origin(event)
            return event
        except msgspec.DecodeError as error:
            check_first_line(line, self._path)
            number = self._number_of(offset)
            raise RunDirectoryError(f"{self._path}, line {number} cannot be read: {error}.") from None

    def _take(self, event: AnyEvent, offset: int) -> None:
        """Raise RunDirectoryError if the event cannot follow those before."""
        try:
            self._order.take(event)
        except ValueError as error:
            number = self._number_of(offset)
            raise RunDirectoryError(f"{self._path}, line {number} does not follow those before: {error}.") from None

    def _check_origin(self, event: RunStarted) -> None:
        """Raise RunDirectoryError if it is the log of another run than the folder's."""
        if not os.path.lexists(self._directory / RUN_FILE):
            return
        file = read_run_file(self._directory)
        if (event.arm, event.seed) != (file.arm, file.seed):
            other = run_name(event.arm, event.seed)
            raise RunDirectoryError(f"{self._path} is the log of {other}, not of {run_name(file.arm, file.seed)}.")

    def _number_of(self, offset: int) -> int:
        """The number of the line that begins at `offset`, from 1: nobody counts them as long as all is well."""
        with open_regular(self._path) as file:
            return file.read(offset).count(b"\n") + 1


Line = tuple[int, bytes]
"""where it begins, and what it is without its line break"""


def _lines(piece: bytes, begin: int = 0) -> Iterator[Line]:
    """All whole lines of a piece from there on."""
    while (end := piece.find(b"\n", begin)) >= 0:
        yield begin, piece[begin:end]
        begin = end + 1


def _skimmed(piece: bytes) -> list[Line]:
    """Lines of a piece, without the candidates that a later decision follows and the batches of what is over."""
    decided = piece.rfind(b"\n" + DECISION) + 1
    trained = max(decided, piece.rfind(b"\n" + start_of(EpochCompleted)) + 1)
    return [
        *_lines_but(piece, 0, decided, CANDIDATE, BATCHES),
        *_lines_but(piece, decided, trained, BATCHES),
        *_lines(piece, trained),
    ]


def _lines_but(piece: bytes, begin: int, end: int, *passed: bytes) -> list[Line]:
    """Whole lines between two positions that do not start so; a third of the time of splitting all lines first."""
    if begin == end:
        return []
    ends = re.compile(rb"\n(?!%b|\Z)" % b"|".join(map(re.escape, passed)))
    starts = [end_of_line.end() for end_of_line in ends.finditer(piece, begin, end)]
    if not piece.startswith(passed, begin):
        starts.insert(0, begin)
    return [(start, piece[start : piece.index(b"\n", start)]) for start in starts]


def _whole_lines(file: int, offset: int, size: int) -> bytes:
    while True:
        piece = os.pread(file, size, offset)
        end = piece.rfind(b"\n") + 1
        if end or len(piece) < size:
            return piece[:end]
        if size > LONGEST_LINE:
            raise ValueError(NO_LINES)
        size *= 2  # one line longer than the piece: a confusion matrix of very many classes


def check_format(directory: Path) -> RunStarted | None:
    """Give the fact that a run has begun, if it has.

    Raises:
        RunDirectoryError: another version wrote this run, or its log does not begin as one does.
    """
    if os.path.lexists(directory / RUN_FILE):
        read_run_file(directory)
    path = directory / EVENTS_FILE
    try:
        with open_regular(path) as file:
            first = file.readline(READ_BYTES)
        event = decode(first) if first.endswith(b"\n") else None
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        raise RunDirectoryError(f"{path}, line 1 cannot be read: {error}.") from None
    if isinstance(event, RunStarted):
        check_schema(event.schema, path)
        return event
    check_beginning([event] if event is not None else [], directory)
    return None


def check_beginning(events: Sequence[AnyEvent], directory: Path) -> None:
    """Raise RunDirectoryError if a log cannot begin with these: lines before them are missing."""
    if events and isinstance(events[0], LATER):
        begins = type(events[0]).__name__
        raise RunDirectoryError(f"{directory / EVENTS_FILE} begins with {begins}: the lines before it are missing.")
