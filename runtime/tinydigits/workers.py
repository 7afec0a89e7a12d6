"""Workers: processes that read chunks, each with a pipe of its own.

A worker is sent its next chunk while it reads one. The parent opens sources, judges and writes, so
no row is lost whatever a hostile picture does to a worker: when a worker dies, its chunk is read
once more, and then given up. When a worker takes too long over a picture, it is ended, and its
chunk is read again without that picture.
"""

import multiprocessing
import os
import pickle
import signal
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from typing import Any

from tinydigits.errors import ImageError, TinydigitsError
from tinydigits.items import NOWHERE, Chunk, Followed, held_in
from tinydigits.quiet import own_process
from tinydigits.reading import ChunkReader, Keep, Read

IN_FLIGHT = 2  # chunks that a worker has: one that it reads and one that waits
AHEAD = 8  # chunks that a worker may be ahead of the one awaited: this bounds the memory
MOST_BYTES = 64 * 1024 * 1024  # of encoded pictures that wait: beyond, no chunk is accepted
ATTEMPTS = 2
READY = -1  # takes the place of a chunk's number
STARTS = 6  # workers in a row that die before they are ready: then none ever will be
LOOKS = 10  # times that the parent looks at a worker before a picture takes too long
LONGEST_PAUSE = 1.0  # s: the most time between two looks
CHUNK = 1 << 20  # more pictures than a chunk has: worker.at is CHUNK × chunk's number + place
GIVEN_UP = "the process that was reading its batch was killed, twice"


class _Worker:
    """A process that reads chunks, and the parent's end of its pipe."""

    def __init__(self, reader: ChunkReader[Any], keep: Keep, others: list["_Worker"]) -> None:
        forks = _forks(reader)
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        self.connection, theirs = context.Pipe()
        self.chunks: deque[int] = deque()  # the numbers of the chunks that it was sent, in order
        self.ready = False
        self.at = context.RawValue("q", NOWHERE)  # the picture that it reads, which it sets
        self._at, self._seconds = NOWHERE, 0.0
        inherited = [worker.connection for worker in (*others, self)]
        self.process = context.Process(
            target=_work,
            args=(reader, keep, theirs, self.at, inherited if forks else []),
            daemon=True,
        )
        try:
            with _signals_wait():
                self.process.start()
        except OSError as error:
            raise TinydigitsError(
                f"no worker can be started: {error.strerror}; read with one process (workers 1)"
            ) from error
        theirs.close()  # so that its end reads as closed when it dies

    def seconds(self, more: float) -> float:
        """Return how long it is at its picture, `more` seconds after the last call."""
        at: int = self.at.value
        self._seconds = self._seconds + more if at == self._at != NOWHERE else 0.0
        self._at = at
        return self._seconds

    def picture(self) -> tuple[int, int] | None:
        """Return the numbers of the chunk and of the picture at which the last call of `seconds`
        saw it. None if it has gone on since then.
        """
        return divmod(self._at, CHUNK) if self.at.value == self._at != NOWHERE else None

    def stop(self) -> None:
        self.connection.close()
        self.process.kill()  # nothing that it holds could be lost
        self.process.join()


def shared(
    reader: ChunkReader[Read], chunks: Iterator[Chunk], count: int, keep: Keep
) -> Iterator[tuple[Chunk, Read]]:
    """Yield each chunk with its reading, in order, read by `count` workers."""
    pool = _Pool(reader, keep, chunks)
    try:
        pool.start(count)
        while True:
            pool.feed()
            yield from pool.finished()
            if pool.is_done:
                return
            pool.collect()
    finally:
        pool.stop()


class _Pool:
    """Workers, and the chunks that were accepted and are not yielded yet."""

    def __init__(self, reader: ChunkReader[Any], keep: Keep, chunks: Iterator[Chunk]) -> None:
        self._reader, self._keep = reader, keep
        self._chunks = enumerate(chunks)
        self._exhausted = False
        self._workers: list[_Worker] = []
        self._pending: dict[int, Chunk] = {}
        self._bytes = 0  # of encoded pictures in them
        self._done: dict[int, Any] = {}
        self._awaited = 0  # the number of the chunk that is yielded next
        self._again: list[int] = []  # numbers of the chunks to be sent once more
        self._failures: Counter[int] = Counter()
        # The places in each chunk of the pictures that take too long.
        self._refused: defaultdict[int, set[int]] = defaultdict(set)
        self._failed_starts = 0
        self._limit = reader.settings.limits.max_seconds
        self._pause = min(self._limit / LOOKS, LONGEST_PAUSE)
        self._looked = time.monotonic()

    def start(self, count: int) -> None:
        for _ in range(count):
            self._workers.append(_Worker(self._reader, self._keep, self._workers))

    def stop(self) -> None:
        for worker in self._workers:
            worker.stop()

    @property
    def is_done(self) -> bool:
        return self._exhausted and not self._pending

    def feed(self) -> None:
        """Send every worker a chunk, then a second one, as long as there are any. Read in this
        process what cannot be sent, such as open files and Pillow images whose file is damaged.
        """
        for most, worker in product(range(1, IN_FLIGHT + 1), self._workers):
            while len(worker.chunks) < most and (number := self._next()) is not None:
                chunk = self._without_refused(number)
                try:
                    packed = pickle.dumps(chunk)
                except Exception:  # objects of other libraries raise what they like
                    self._done[number] = self._reader.read(chunk, self._keep)
                    continue
                worker.chunks.append(number)
                try:
                    worker.connection.send((number, packed))
                except OSError:
                    break  # it has died, as `collect` will find out

    def _without_refused(self, number: int) -> Chunk:
        """Return a chunk with errors in the place of the pictures that take too long."""
        chunk, refused = self._pending[number], self._refused.get(number)
        if not refused:
            return chunk
        error = ImageError(
            f"it takes more than {self._limit:g} s to read; --max-seconds allows more"
        )
        images = [error if at in refused else each for at, each in enumerate(chunk.images)]
        return chunk._replace(images=images)

    def _next(self) -> int | None:
        """Return the number of a chunk to be read; None while there is none, or enough wait."""
        if self._again:
            return self._again.pop(0)
        full = len(self._pending) >= AHEAD * len(self._workers) or self._bytes > MOST_BYTES
        if self._exhausted or full:
            return None
        taken = next(self._chunks, None)
        if taken is None:
            self._exhausted = True
            return None
        number, chunk = taken
        self._pending[number] = chunk
        self._bytes += _bytes_in(chunk)
        return number

    def finished(self) -> Iterator[tuple[Chunk, Any]]:
        """Yield the chunks whose predecessors all are read, in order."""
        while self._awaited in self._done:
            chunk = self._pending.pop(self._awaited)
            self._bytes -= _bytes_in(chunk)
            yield chunk, self._done.pop(self._awaited)
            self._awaited += 1

    def collect(self) -> None:
        """Wait for a message of a worker, if any has work, and replace workers that died or take
        too long. Raises what they raised.
        """
        if not any(worker.chunks for worker in self._workers):
            return
        ready = wait([worker.connection for worker in self._workers], self._pause)
        looked, self._looked = self._looked, time.monotonic()
        # A longer pause counts as one: this process, and its workers, may have been stopped.
        pause = min(self._looked - looked, self._pause)
        for place, worker in enumerate(self._workers):
            if worker.connection not in ready:
                if worker.seconds(pause) > self._limit:
                    worker.stop()
                    if picture := worker.picture():
                        self._refused[picture[0]].add(picture[1])
                    self._restart(place)
                continue
            try:
                number, answer = worker.connection.recv()
            except (EOFError, OSError):
                self._replace(place)
                continue
            if isinstance(answer, BaseException):
                raise answer
            if number == READY:
                worker.ready, self._failed_starts = True, 0
                continue
            worker.chunks.remove(number)
            if answer is None:  # it could not be unpacked there
                answer = self._reader.read(self._pending[number], self._keep)
            self._done[number] = answer

    def _replace(self, place: int) -> None:
        """Start another worker for one that died. The chunk that it was reading had an attempt."""
        dead = self._workers[place]
        dead.stop()
        if dead.ready and dead.chunks:
            first = dead.chunks[0]
            self._failures[first] += 1
            if self._failures[first] >= ATTEMPTS:
                dead.chunks.popleft()
                self._done[first] = self._reader.give_up(self._pending[first], GIVEN_UP, self._keep)
        self._failed_starts += not dead.ready
        if self._failed_starts >= STARTS:
            raise TinydigitsError(
                "workers die before they are ready: read with one process (workers 1), "
                'or, in a script, below `if __name__ == "__main__":`'
            )
        self._restart(place)

    def _restart(self, place: int) -> None:
        """Start another worker for one that was stopped, whose chunks are sent again."""
        dead = self._workers[place]
        self._again = sorted([*self._again, *dead.chunks])
        others = [worker for worker in self._workers if worker is not dead]
        self._workers[place] = _Worker(self._reader, self._keep, others)


def _work(
    reader: ChunkReader[Any],
    keep: Keep,
    connection: Connection,
    at: Any,
    inherited: list[Connection],
) -> None:
    """Read chunks, in the worker, until the other end of its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which kills this
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    _unblock_signals()
    own_process()
    for end in inherited:  # while any process holds them open, they never read as closed
        end.close()
    arrived: SimpleQueue[tuple[int, bytes]] = SimpleQueue()

    def receive() -> None:
        try:
            while True:
                arrived.put(connection.recv())
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone or has seen enough; nothing is left to flush

    # A thread receives at once what the parent sends, so that the two never wait for each other.
    threading.Thread(target=receive, daemon=True).start()
    connection.send((READY, None))
    while True:
        number, packed = arrived.get()
        reading: Any
        try:
            chunk: Chunk = pickle.loads(packed)
        except Exception:  # objects of other libraries raise what they like
            reading = None
        else:
            if isinstance(chunk.images, list):
                chunk = chunk._replace(images=Followed(chunk.images, at, number * CHUNK))
            try:
                reading = reader.read(chunk, keep)
            except BaseException as error:
                reading = _sendable(error)
        try:
            connection.send((number, reading))
        except OSError:
            os._exit(0)


def _bytes_in(chunk: Chunk) -> int:
    return sum(map(held_in, chunk.images, [None, *chunk.images[:-1]]))


def _sendable(error: BaseException) -> BaseException:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return TinydigitsError(f"a worker failed: {error!r}")
    return error


def _forks(reader: ChunkReader[Any]) -> bool:
    """Whether workers can begin as copies of this process, with its imports done. Beside other
    threads they cannot: the copies would never see their locks released.
    """
    return (
        "fork" in multiprocessing.get_all_start_methods()
        and os.uname().sysname == "Linux"
        and threading.active_count() == 1
        and getattr(reader.backend, "threads", 1) == 1
    )


@contextmanager
def _signals_wait() -> Iterator[None]:
    """Block signals, here and in a worker that starts, until the worker has its own handlers."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock_signals() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
