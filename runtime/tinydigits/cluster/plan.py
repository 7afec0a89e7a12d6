"""Parts: a large job cut into pieces, each of which is read, and written, as a whole.

Where parts begin is decided by the inputs alone. So part 17 is always the same pictures and always
has the same name, and who writes it twice changes nothing: that is all it takes for one row for
each picture, whoever is killed and however often a run is resumed.
"""

import hashlib
import json
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tinydigits.cluster.output import Store
from tinydigits.errors import ImageError, ResumeError, SinkError, SinkRefused
from tinydigits.images import Limits
from tinydigits.items import Item, Skipped, Stack
from tinydigits.names import PART_PREFIX, Kind, kind_of_file
from tinydigits.remote.location import Location, Place, place_of
from tinydigits.sources import Opening, named_files, open_file

PLAN, SUCCESS = "_plan.json", "_SUCCESS"  # readers of Parquet pass over what begins with _
PLAN_BYTES = 1 << 20  # the most of either
FIRST = 4  # batches: what the first parts hold, so that small jobs are shared as well
LEVEL = 64  # parts of one size, before they grow by FIRST
MOST = 40  # batches: the largest, lest a billion pictures make a million files

Entry = Item | Place
"""A picture, or the name or address of a file that holds many."""


class Part(NamedTuple):
    """A piece of a job."""

    number: int
    work: bytes
    """Its entries, packed: the names in a folder are much alike, and all parts are in memory."""

    def entries(self) -> list[Entry]:
        """What is to be read, in order."""
        return [_entry(each) for each in json.loads(zlib.decompress(self.work))]


class Plan(NamedTuple):
    """What a folder of parts holds, or will hold."""

    settings: Mapping[str, object]
    """All that the rows depend on, beside the inputs."""

    inputs: int
    """Pictures, and files that hold many."""

    parts: int
    sha256: str
    """Of the names of all inputs, and of where parts begin."""

    local: bool
    """Some inputs are files."""

    def fields(self) -> dict[str, object]:
        """For JSON."""
        found = {"inputs": self.inputs, "parts": self.parts, "inputs_sha256": self.sha256}
        return {**self.settings, **found}

    def digest(self) -> str:
        """Stands in every part, to tell it from those of other runs."""
        return hashlib.sha256(json.dumps(self.fields(), sort_keys=True).encode()).hexdigest()

    def name(self, number: int) -> str:
        """Of a part's file. All are equally long, so that their order is that of the inputs."""
        return f"part-{number:0{max(5, len(str(self.parts - 1)))}}.parquet"


def entries_of(inputs: Iterable[str], opening: Opening) -> Iterator[Entry]:
    """As `sources.open_inputs`, but files that hold many pictures are not opened."""
    for name in inputs:
        for place in named_files(name, opening):
            if isinstance(place, Item) or kind_of_file(place) is not Kind.PICTURE:
                yield place
            else:
                yield Item(str(place), place)


def planned(
    entries: Iterable[Entry], batch_size: int, settings: Mapping[str, object]
) -> tuple[Plan, list[Part]]:
    """The entries in parts of whole batches; a file that holds many pictures is one by itself."""
    digest, count, parts, local = hashlib.sha256(), 0, list[Part](), False
    for group in _groups(entries, batch_size):
        work = json.dumps([_plain(entry) for entry in group], separators=(",", ":")).encode()
        names = "\0".join(map(_shown, group)).encode("utf-8", "surrogateescape")
        digest.update(hashlib.sha256(names).digest())
        parts.append(Part(len(parts), zlib.compress(work)))
        count += len(group)
        local = local or not all(map(_is_remote, group))
    return Plan(settings, count, len(parts), digest.hexdigest(), local), parts


def _shown(entry: Entry) -> str:
    """Its name, without a signature, which is another one the next time."""
    return entry.name or "" if isinstance(entry, Item) else str(entry)


def _is_remote(entry: Entry) -> bool:
    return isinstance(entry.image if isinstance(entry, Item) else entry, Location)


def _groups(entries: Iterable[Entry], batch_size: int) -> Iterator[list[Entry]]:
    held: list[Entry] = []
    number = 0
    for entry in entries:
        if not isinstance(entry, Item):
            if held:
                yield held
            yield [entry]
            held, number = [], number + 1 + bool(held)
            continue
        held.append(entry)
        if len(held) >= batch_size * min(FIRST * (1 + number // LEVEL), MOST):
            yield held
            held, number = [], number + 1
    if held:
        yield held


def _plain(entry: Entry) -> object:
    """For JSON: the name alone of what holds many; else with `regular`, None for what is at an
    address, or why it is not read.
    """
    if not isinstance(entry, Item):
        return entry.secret_url if isinstance(entry, Location) else entry
    name, image, regular = entry
    if isinstance(image, Location):
        return [image.secret_url, None]
    return [name, str(image) if isinstance(image, ImageError) else regular]


def _entry(plain: Any) -> Entry:
    if isinstance(plain, str):
        return place_of(plain)
    name, how = plain
    if how is None:
        place = place_of(name)
        return Item(str(place), place)
    return Item(name, ImageError(how)) if isinstance(how, str) else Item(name, name, how)


def opened(entries: Iterable[Entry], limits: Limits, skipped: Skipped) -> Generator[Item | Stack]:
    """The pictures of a part, as `sources.open_inputs` gives them."""
    opening = Opening(limits, skipped)
    for entry in entries:
        if isinstance(entry, Item):
            yield entry
        else:
            yield from open_file(entry, opening)


def reach(store: Store, resume: bool) -> None:
    """Raises SinkRefused where a store does not answer or says no, or holds what is not to be gone
    on with: at once, and not after a long listing of inputs.
    """
    try:
        begun = store.tail(PLAN, 1) is not None
        there = resume or begun or any(not _is_temporary(name) for name in store.names())
    except SinkError as error:
        raise SinkRefused(str(error)) from error
    if there and not resume:
        found = "an earlier run: --resume goes on with it; or" if begun else "other files:"
        raise SinkRefused(f"{store}: holds {found} name another folder")


def there_already(store: Store, plan: Plan) -> dict[str, int] | None:
    """What SUCCESS says, where all is done; None where there is something to do. Raises ResumeError
    where that is not this job.
    """
    there = {name for name in store.names() if not _is_temporary(name)}
    if not there:
        return None
    if PLAN not in there:
        raise ResumeError(f"{store}: holds files and no {PLAN}: name the folder of an earlier run")
    _check(store, plan)
    all_there = all(plan.name(number) in there for number in range(plan.parts))
    return _read(store, SUCCESS)["rows"] if SUCCESS in there and all_there else None


def _is_temporary(name: str) -> bool:
    """What a process was writing when it was killed."""
    return name.startswith(PART_PREFIX)


def begin(store: Store, plan: Plan) -> None:
    """Writes down what the parts will be. Raises SinkRefused where it cannot be written."""
    try:
        if store.tail(SUCCESS, 1) is not None:  # of an earlier run, of whose parts some are gone
            store.remove(SUCCESS)
        _write(store, PLAN, plan.fields())
    except SinkError as error:
        raise SinkRefused(str(error)) from error


def _check(store: Store, plan: Plan) -> None:
    before = _read(store, PLAN)
    differing = [
        f"{key} was {before.get(key)} and is {value}"
        for key, value in plan.settings.items()
        if before.get(key) != value
    ]
    if differing:
        raise ResumeError(
            f"{store}: was begun with other settings: {'; '.join(differing)}; repeat those, or "
            "name another folder"
        )
    if before != plan.fields():
        raise ResumeError(
            f"{store}: was begun with other inputs: {before.get('inputs')} then, {plan.inputs} "
            "now, or other names or another order; repeat those, or name another folder"
        )


def finish(store: Store, plan: Plan, counts: Mapping[str, int]) -> None:
    """Says that all parts are there. Raises SinkRefused where they are not."""
    there = set(store.names())
    missing = [name for name in map(plan.name, range(plan.parts)) if name not in there]
    if missing:
        raise SinkRefused(
            f"{store}: lacks {missing[0]}, which was written, and {len(missing) - 1:,} more: the "
            "nodes share no such folder; name one that they share, or object storage"
        )
    for name in there:
        if _is_temporary(name):
            store.remove(name)
    _write(store, SUCCESS, {**plan.fields(), "rows": counts})


def undo(store: Store, plan: Plan) -> None:
    """Leaves nothing of a run that has found nothing."""
    for name in (*map(plan.name, range(plan.parts)), PLAN):
        store.remove(name)
    store.leave()


def _write(store: Store, name: str, fields: Mapping[str, object]) -> None:
    with store.written(name) as file:
        file.write((json.dumps(fields, indent=1) + "\n").encode())


def _read(store: Store, name: str) -> dict[str, Any]:
    try:
        return dict(json.loads(store.tail(name, PLAN_BYTES) or b""))
    except (ValueError, TypeError) as error:
        raise ResumeError(f"{store}/{name}: damaged: {error}; name another folder") from error
