"""Resume: what stands is kept, what changed is made again, a torn journal is read, two clients are refused."""

import json
import os
import socket

import pytest
from batch_work import Item, Task, begun

from inface.batches import Part, folder_in_use, open_journal, run_batch
from inface.errors import InfaceError

ITEMS = [Item(str(k), "raise" if k == 3 else "", stamp="v1") for k in range(6)]


def go(out, items=ITEMS, settings="a", part=None, **options):
    """One run; outcomes by key."""
    with open_journal(out, {"settings": settings}, part) as journal:
        work = Task(str(out), settings=settings)
        return {one.key: one for one in run_batch(work, items, journal=journal, **options)}


def made(out):
    """Keys begun since the last look."""
    keys = begun(out)
    (out / "begun.log").unlink(missing_ok=True)
    return sorted(keys)


def test_a_second_run_keeps_what_stands_and_tries_again_what_failed(tmp_path):
    first = go(tmp_path)
    assert made(tmp_path) == list("012345") and first["3"].state == "failed"
    second = go(tmp_path)
    assert made(tmp_path) == ["3"]
    assert {one.state for key, one in second.items() if key != "3"} == {"kept"}
    assert second["1"].value == json.loads(json.dumps(first["1"].value))


def test_other_settings_another_stamp_a_missing_or_shorter_file_are_made_again(tmp_path):
    go(tmp_path)
    made(tmp_path)
    go(tmp_path, settings="b")
    assert made(tmp_path) == list("012345")
    go(tmp_path, settings="b", items=[Item("0", stamp="v2"), *ITEMS[1:3]])
    assert made(tmp_path) == ["0"]
    (tmp_path / "1.txt").unlink()
    (tmp_path / "2.txt").write_text("")
    go(tmp_path, settings="b")
    assert made(tmp_path) == ["0", "1", "2", "3"]


def test_a_torn_line_counts_for_nothing_and_the_next_is_whole(tmp_path):
    go(tmp_path)
    made(tmp_path)
    path = tmp_path / ".run" / "journal.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b'"stamp"')])  # the line of 5 is torn
    go(tmp_path, items=ITEMS[5:])
    assert made(tmp_path) == ["5"]  # and its new line does not hang on the torn one
    go(tmp_path)
    assert made(tmp_path) == ["3"]
    path.write_bytes(b"\xff\x00 no json\n[1]\n" + path.read_bytes())
    go(tmp_path)
    assert made(tmp_path) == ["3"]


def test_leftovers_of_a_killed_run_are_swept(tmp_path):
    (tmp_path / ".tmp-12345678-0.txt").write_text("half")
    go(tmp_path)
    assert not list(tmp_path.glob(".tmp-*")) and not list((tmp_path / ".run").glob(".tmp-*"))
    assert not (tmp_path / ".run" / "lock").exists()


def test_a_second_client_is_refused_by_name(tmp_path):
    with (
        open_journal(tmp_path, {}),
        pytest.raises(InfaceError, match=f"process {os.getpid()}"),
        open_journal(tmp_path, {}),
    ):
        pass
    assert folder_in_use(tmp_path) is None
    lock = tmp_path / ".run" / "lock"
    owner = {"host": "elsewhere", "process": 1, "since": "now"}
    lock.write_text(json.dumps(owner))
    with pytest.raises(InfaceError, match="host elsewhere, process 1"), open_journal(tmp_path, {}):
        pass
    os.utime(lock, (0, 0))  # no sign of life for long
    go(tmp_path)
    lock.write_text(json.dumps({**owner, "host": socket.gethostname(), "process": 2**22 + 1}))  # dead
    go(tmp_path)


def test_parts_are_all_and_each_once_and_have_journals_of_their_own(tmp_path):
    parts = [Part(k, 4) for k in (1, 2, 3, 4)]
    assert sorted(x for part in parts for x in part.of(range(10))) == list(range(10))
    for part in parts[:3]:
        go(tmp_path, items=part.of(ITEMS), part=part)
    made(tmp_path)
    whole = go(tmp_path)  # takes up what the parts have made; 3 belongs to part 4, and failed
    assert made(tmp_path) == ["3"]
    assert whole["0"].state == "kept"
    with open_journal(tmp_path, {}, Part(1, 4)):
        with open_journal(tmp_path, {}, Part(2, 4)):
            (tmp_path / ".tmp-1-x").touch()
        assert (tmp_path / ".tmp-1-x").exists()  # another part is at work: perhaps its own
        with pytest.raises(InfaceError, match="another run"), open_journal(tmp_path, {}, Part(1, 4)):
            pass


@pytest.mark.parametrize("text", ["4/3", "0/3", "3", "a/b", "1/0", "-1/3", "1.5/3"])
def test_impossible_parts_are_refused(text):
    with pytest.raises(ValueError, match="expected k/n with 1 <= k <= n"):
        Part.parse(text)


def test_a_folder_of_another_format_is_refused(tmp_path):
    go(tmp_path)
    (tmp_path / ".run" / "run.json").write_text('{"format": "inface-run-9"}')
    with pytest.raises(InfaceError, match="inface-run-9"):
        go(tmp_path)


def test_a_full_disk_keeps_a_line_out_and_the_item_is_made_again(tmp_path, monkeypatch):
    with open_journal(tmp_path, {"settings": "a"}) as journal:
        for number, outcome in enumerate(run_batch(Task(str(tmp_path), settings="a"), ITEMS, journal=journal)):
            assert outcome.key == str(number)
            if number == 0:
                journal.close()
                monkeypatch.setattr(journal, "_path", tmp_path / "missing" / "x")
            if number == 1:
                monkeypatch.undo()
        assert journal.unwritten == 1
    made(tmp_path)
    go(tmp_path)
    assert made(tmp_path) == ["1", "3"]
