"""The plan of a large job: its inputs are cut into parts, each of which is read and written as a
whole.

The inputs alone decide where parts begin. So part 17 always holds the same pictures and always has
the same name, and writing it twice changes nothing. For this reason each picture has exactly one
row, whatever is killed and however often a run is resumed.
"""

import hashlib
import json
import pickle
import zlib
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, NamedTuple

from tinydigits.cluster.output import Store
from tinydigits.errors import ResumeError, SinkError, SinkRefused
from tinydigits.items import Item
from tinydigits.names import PART_PREFIX, Kind, kind_of_file
from tinydigits.remote.location import Location, Place
from tinydigits.sinks.resume import differing
from tinydigits.sources import Opening, named_files

PLAN, SUCCESS = "_plan.json", "_SUCCESS"  # readers of Parquet skip names that begin with _
PLAN_BYTES = 1 << 20  # 1 MiB: neither file is larger
FIRST = 4  # batches in each of the first parts: few, so that small jobs are shared as well
LEVEL = 64  # parts of one size; after so many, parts grow by FIRST batches
MOST = 40  # batches in the largest part: many, so that a billion pictures make few files

Entry = Item | Place
"""A picture, or a file that holds many."""


class Part(NamedTuple):
    """The pictures of one file of rows."""

    number: int
    # The entries, compressed: the driver holds all parts, and names in a folder are alike.
    work: bytes

    def entries(self) -> list[Entry]:
        """Return what is to be read, in order."""
        columns = pickle.loads(zlib.decompress(self.work))
        return [
            name if regular is None else Item(name, name if image is None else image, regular)
            for name, image, regular in zip(*columns, strict=True)
        ]


class Plan(NamedTuple):
    """The contents of a folder of parts, finished or not."""

    settings: Mapping[str, object]  # all that the rows depend on, beside the inputs
    inputs: int  # how many pictures and files that hold many there are
    parts: int
    sha256: str  # the hash of the names of all inputs, and of where parts begin
    local: bool  # whether some inputs are files of a file system

    def fields(self) -> dict[str, object]:
        """Return the content of PLAN."""
        found = {"inputs": self.inputs, "parts": self.parts, "inputs_sha256": self.sha256}
        return {**self.settings, **found}

    def digest(self) -> str:
        """Return the mark that each part bears, to tell it from the parts of other jobs."""
        return hashlib.sha256(json.dumps(self.fields(), sort_keys=True).encode()).hexdigest()

    def name(self, number: int) -> str:
        """Return the name of a part's file. All are equally long, so they sort as the inputs do."""
        return f"part-{number:0{max(5, len(str(self.parts - 1)))}}.parquet"

    def names(self) -> Iterator[str]:
        """Yield the names of all parts' files."""
        return map(self.name, range(self.parts))


def entries_of(inputs: Iterable[str], opening: Opening) -> Iterator[Entry]:
    """Yield the files that the inputs stand for, in order, none of which is opened."""
    return chain.from_iterable(named_files(name, opening) for name in inputs)


def planned(
    entries: Iterable[Entry], batch_size: int, settings: Mapping[str, object]
) -> tuple[Plan, list[Part]]:
    """Return the entries in parts of whole batches; a file that holds many pictures is one part."""
    digest, count, parts, local = hashlib.sha256(), 0, list[Part](), False
    for group in _groups(entries, batch_size):
        # A signature in an address is another one the next time, so the shown names are compared.
        names = "\0".join(
            each.name or "" if isinstance(each, Item) else str(each) for each in group
        )
        digest.update(hashlib.sha256(names.encode("utf-8", "surrogateescape")).digest())
        parts.append(Part(len(parts), _packed(group)))
        count += len(group)
        local = local or not all(isinstance(place_in(entry), Location) for entry in group)
    return Plan(settings, count, len(parts), digest.hexdigest(), local), parts


def _packed(group: Iterable[Entry]) -> bytes:
    """Return what `Part.entries` unpacks: columns, whose values are alike, take the least."""
    rows = [
        (each.name, None if each.image is each.name else each.image, each.regular)
        if isinstance(each, Item)
        else (each, None, None)
        for each in group
    ]
    return zlib.compress(pickle.dumps([*zip(*rows, strict=True)]))


def place_in(entry: Entry) -> object:
    """Return where an entry is, or the ImageError that says why it cannot be read."""
    return entry.image if isinstance(entry, Item) else entry


def _groups(entries: Iterable[Entry], batch_size: int) -> Iterator[list[Entry]]:
    held, number, is_full = list[Entry](), 0, False
    for entry in entries:
        alone = not isinstance(entry, Item) and kind_of_file(entry) in (Kind.ARCHIVE, Kind.ARRAYS)
        if held and (alone or is_full):
            yield held
            held, number = [], number + 1
        held.append(entry)
        is_full = alone or len(held) >= batch_size * min(FIRST * (1 + number // LEVEL), MOST)
    if held:
        yield held


def reach(store: Store, resume: bool) -> None:
    """Find out, before a long listing of inputs, whether rows may be written here. Raises
    SinkRefused for a store that does not answer or gives no permission, and for one that holds
    files, unless they are to be resumed.
    """
    try:
        there = _complete(store)
    except SinkError as error:
        raise SinkRefused(str(error)) from error
    if there and not resume:
        begun = "the parts of an earlier run: resume it with --resume, or"
        raise SinkRefused(
            f"{store} holds {begun if PLAN in there else 'files:'} name another folder"
        )


def _complete(store: Store) -> set[str]:
    """Return the names of the files in a store, without those that a process was still writing."""
    return {name for name in store.names() if not name.startswith(PART_PREFIX)}


def there_already(store: Store, plan: Plan) -> dict[str, int] | None:
    """Return the counts of SUCCESS if all parts are there; None if some are to be written. Raises
    ResumeError where the store holds another job.
    """
    if not (there := _complete(store)):
        return None
    if PLAN not in there:
        raise ResumeError(f"{store} holds files, but no {PLAN}: name the folder of an earlier run")
    before = _read(store, PLAN)
    changed = differing(before, plan.settings)
    if not changed and before != plan.fields():
        changed = [
            f"its inputs were {before.get('inputs')} and are {plan.inputs}, or have other names or "
            "another order"
        ]
    if changed:
        raise ResumeError(
            f"{store} holds the parts of another job: {'; '.join(changed)}. Give the command that "
            "began it, or name another folder"
        )
    return _read(store, SUCCESS)["rows"] if there.issuperset({SUCCESS, *plan.names()}) else None


def begin(store: Store, plan: Plan) -> None:
    """Write down what the parts will be. Raises SinkRefused where that is not possible."""
    try:
        if store.tail(SUCCESS, 1) is not None:  # some parts of an earlier run are gone
            store.remove(SUCCESS)
        _write(store, PLAN, plan.fields())
    except SinkError as error:
        raise SinkRefused(str(error)) from error


def finish(store: Store, plan: Plan, counts: Mapping[str, int]) -> None:
    """Write down that all parts are there. Raises SinkRefused where they are not."""
    there = set(store.names())
    if missing := [name for name in plan.names() if name not in there]:
        raise SinkRefused(
            f"{store} lacks {missing[0]}, which a node wrote, and {len(missing) - 1:,} more: the "
            "nodes do not share this folder; name one that they share, or object storage"
        )
    for name in there:
        if name.startswith(PART_PREFIX):
            store.remove(name)
    _write(store, SUCCESS, {**plan.fields(), "rows": counts})


def undo(store: Store, plan: Plan) -> None:
    """Remove all that a run wrote which found no picture."""
    for name in (*plan.names(), PLAN):
        store.remove(name)
    store.leave()


def _write(store: Store, name: str, fields: Mapping[str, object]) -> None:
    with store.written(name) as file:
        file.write((json.dumps(fields, indent=1) + "\n").encode())


def _read(store: Store, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(store.tail(name, PLAN_BYTES) or b""))
    except (ValueError, TypeError) as error:
        raise ResumeError(f"{store}/{name} is damaged ({error}): name another folder") from error
