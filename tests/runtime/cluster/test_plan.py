"""Inputs alone decide what the parts of a job are, and a folder of parts is resumed only by
the job that it was begun for.
"""

import json
import os
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.support.location import located
from tinydigits import ImageError, ResumeError, SinkError
from tinydigits.bounds import Limits
from tinydigits.cluster.output import store_at
from tinydigits.cluster.plan import (
    PLAN,
    SUCCESS,
    Part,
    Plan,
    begin,
    entries_of,
    finish,
    planned,
    reach,
    there_already,
    undo,
)
from tinydigits.items import Item, Skipped
from tinydigits.names import PART_PREFIX
from tinydigits.remote.location import Location
from tinydigits.sources import Opening, open_inputs, opened

SETTINGS = {"model_sha256": "abc", "min_score": 0.5}


def opening(listed: bytes = b"") -> Opening:
    return Opening(Limits(), Skipped(), lambda: BytesIO(listed))


def files(count: int) -> list[Item | str]:
    return [
        Item(f"scans/{number:06}.png", f"scans/{number:06}.png", True) for number in range(count)
    ]


def sizes(parts: list[Part]) -> list[int]:
    return [len(part.entries()) for part in parts]


def test_parts_are_whole_batches_and_an_archive_is_one_by_itself() -> None:
    assert sizes(planned(files(1000), 100, {})[1]) == [400, 400, 200]
    mixed = [*files(401), "a.zip", "b.tar.gz", *files(2)]
    _, parts = planned(mixed, 100, {})
    assert sizes(parts) == [400, 1, 1, 1, 2]
    assert [part.number for part in parts] == [0, 1, 2, 3, 4]
    assert parts[2].entries() == ["a.zip"]


def test_parts_grow_so_that_their_number_stays_small() -> None:
    found = sizes(planned(files(20_000), 1, {})[1])
    assert found[:65] == [4] * 64 + [8]
    assert set(found[640:-1]) == {40}
    assert sum(found) == 20_000


def test_a_part_holds_what_its_inputs_hold(tmp_path: Path) -> None:
    folder = tmp_path / "scans"
    (folder / "sub").mkdir(parents=True)
    for name in ("10.png", "9.png", "sub/a.jpg", "notes.txt", ".hidden.png"):
        (folder / name).touch()
    (folder / "link.png").symlink_to("9.png")
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff.png")).touch()
    page = Image.new("L", (9, 9))
    page.save(tmp_path / "scan", "TIFF", save_all=True, append_images=[page])
    inputs = [str(folder), "-", "single", str(tmp_path / "scan")]
    listed = b"listed.png\nfrom \xe9.png\nhttps://user:word@there/a.png?signature=1\n"
    local = list(open_inputs(inputs, opening(listed)))
    _, parts = planned(entries_of(inputs, opening(listed)), 1, {})
    there = [each for part in parts for each in opened(part.entries(), opening())]
    assert there == local
    assert isinstance(there[-4], Item)
    assert isinstance(there[-4].image, Location)
    assert len(there) == 11


def test_it_is_known_whether_files_are_read() -> None:
    picture, archive = located("s3://b/a.png"), located("s3://b/a.zip")
    stored: list[Item | Location | str] = [Item(str(picture), picture), archive]
    assert not planned(stored, 1, {})[0].local
    assert planned([*stored, "a.zip"], 1, {})[0].local
    assert planned([*stored, *files(1)], 1, {})[0].local


def test_a_folder_that_cannot_be_listed_stays_an_error() -> None:
    refused = Item("locked", ImageError("Permission denied"))
    _, (part,) = planned([refused], 1, {})
    (item,) = part.entries()
    assert isinstance(item, Item)
    assert isinstance(item.image, ImageError)
    assert (item.name, str(item.image)) == ("locked", "Permission denied")


def test_a_name_takes_few_bytes_of_the_drivers_memory() -> None:
    count = 40_960
    _, parts = planned(files(count), 256, {})
    assert sum(len(part.work) for part in parts) / count < 8  # of 18 letters


def test_files_sort_as_the_inputs_do() -> None:
    plan = Plan({}, 0, 1_000_001, "", True)
    names = [plan.name(number) for number in (0, 9, 10, 99_999, 100_000, 1_000_000)]
    assert names == sorted(names)
    assert Plan({}, 0, 2, "", True).name(1) == "part-00001.parquet"


def begun(folder: Path, count: int = 5) -> Plan:
    plan, _ = planned(files(count), 1, SETTINGS)
    begin(store_at(str(folder)), plan)
    return plan


def test_a_folder_that_holds_something_is_not_written_into(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").touch()
    store = store_at(str(tmp_path))
    with pytest.raises(SinkError, match="holds files: name another folder") as caught:
        reach(store, resume=False)
    assert caught.value.exit_code == 2
    reach(store, resume=True)
    with pytest.raises(ResumeError, match=r"no _plan\.json"):
        there_already(store, planned(files(5), 1, SETTINGS)[0])


def test_an_earlier_run_is_gone_on_with_only_when_asked(tmp_path: Path) -> None:
    plan, store = begun(tmp_path), store_at(str(tmp_path))
    with pytest.raises(SinkError, match="an earlier run: resume it with --resume"):
        reach(store, resume=False)
    reach(store, resume=True)
    assert there_already(store, plan) is None


def test_a_folder_with_nothing_but_torn_files_is_as_good_as_new(tmp_path: Path) -> None:
    store = store_at(str(tmp_path / "new"))
    reach(store, resume=False)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / f"{PART_PREFIX}abc.part").touch()
    for resume in (False, True):
        reach(store, resume)
    assert there_already(store, planned(files(5), 1, SETTINGS)[0]) is None


@pytest.mark.parametrize(
    ("inputs", "settings", "why"),
    [
        (files(5), SETTINGS | {"model_sha256": "def"}, "model_sha256 was abc and is def"),
        (files(6), SETTINGS, "its inputs were 5 and are 6"),
        (files(5)[::-1], SETTINGS, "another order"),
    ],
)
def test_another_job_is_refused(
    tmp_path: Path, inputs: list[Item | str], settings: dict[str, object], why: str
) -> None:
    begun(tmp_path)
    with pytest.raises(ResumeError, match=why):
        there_already(store_at(str(tmp_path)), planned(inputs, 1, settings)[0])


def test_a_signed_address_is_the_same_input_when_it_is_signed_anew(tmp_path: Path) -> None:
    def job(signature: str) -> Plan:
        url = f"https://there/a.png?signature={signature}"
        (entry,) = entries_of(("-",), opening(url.encode()))
        return planned([entry], 1, SETTINGS)[0]

    store = store_at(str(tmp_path))
    begin(store, job("one"))
    assert there_already(store, job("two")) is None
    assert "signature" not in (tmp_path / PLAN).read_text()


def test_a_damaged_plan_is_said(tmp_path: Path) -> None:
    plan = begun(tmp_path)
    (tmp_path / PLAN).write_text("{")
    with pytest.raises(ResumeError, match=r"_plan\.json is damaged"):
        there_already(store_at(str(tmp_path)), plan)


def test_success_is_said_only_where_all_parts_are(tmp_path: Path) -> None:
    plan, store = begun(tmp_path), store_at(str(tmp_path))
    assert plan.parts == 2
    (tmp_path / plan.name(0)).touch()
    (tmp_path / f"{PART_PREFIX}abc.part").touch()
    with pytest.raises(SinkError, match=r"lacks part-00001\.parquet"):
        finish(store, plan, {"ok": 5})
    assert not (tmp_path / SUCCESS).exists()
    (tmp_path / plan.name(1)).touch()
    finish(store, plan, {"ok": 5})
    said = json.loads((tmp_path / SUCCESS).read_text())
    assert said["model_sha256"] == "abc"
    assert (said["inputs"], said["parts"], said["rows"]) == (5, 2, {"ok": 5})
    assert there_already(store, plan) == {"ok": 5}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        SUCCESS,
        PLAN,
        plan.name(0),
        plan.name(1),
    ]
    (tmp_path / plan.name(0)).unlink()
    assert there_already(store, plan) is None


def test_who_does_parts_again_takes_back_that_all_are_there(tmp_path: Path) -> None:
    plan, store = begun(tmp_path), store_at(str(tmp_path))
    for number in range(plan.parts):
        (tmp_path / plan.name(number)).touch()
    finish(store, plan, {"ok": 5})
    (tmp_path / plan.name(0)).unlink()
    begin(store, plan)
    (tmp_path / plan.name(0)).touch()  # and then the driver is killed
    assert there_already(store, plan) is None


def test_a_run_that_found_nothing_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    for name in ("old", "new"):
        store = store_at(str(tmp_path / name))
        plan, _ = planned(files(5), 1, SETTINGS)
        begin(store, plan)
        (tmp_path / name / plan.name(1)).touch()
        undo(store, plan)
    assert [path.name for path in tmp_path.rglob("*")] == ["old"]


def test_a_file_is_no_folder_of_parts(tmp_path: Path) -> None:
    (tmp_path / "rows").touch()
    with pytest.raises(SinkError, match="not a folder"):
        store_at(str(tmp_path / "rows"))
