"""Whatever happens to the process that decodes, the caller gets an error that says so."""

import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

import deepisp
from deepisp import DamagedFile, LimitReached, Limits
from deepisp.raw import decoder
from tests.raw import make

MOSAIC = make.noise(64, 96)


@pytest.fixture
def sound(tmp_path):
    return make.save(tmp_path, make.dng(MOSAIC))


@pytest.fixture
def pool(monkeypatch):
    """A pool of our own, as `read` uses it."""
    pool = decoder.Pool()
    monkeypatch.setattr("deepisp.raw.read.POOL", pool)
    yield pool
    pool.close()


def idle(pool):
    (one,) = pool._idle
    return one._process.pid


def test_children_are_reused_and_closed(pool, sound):
    deepisp.read(sound)
    first = idle(pool)
    assert os.getpgid(first) != os.getpgid(0)  # Ctrl-C is the parent's alone
    deepisp.read(sound)
    assert idle(pool) == first
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(first, 0)


def test_a_child_that_hangs_is_ended_in_time(pool, sound):
    deepisp.read(sound)
    os.kill(idle(pool), signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(LimitReached, match=r"decoding took longer than 0.5 s .*--timeout"):
        deepisp.read(sound, limits=Limits(timeout_s=0.5))
    assert time.monotonic() - start < 3
    np.testing.assert_array_equal(deepisp.read(sound).mosaic, MOSAIC)  # with another child


def test_a_child_that_died_between_two_files_is_not_the_second_ones_fault(pool, sound):
    deepisp.read(sound)
    os.kill(idle(pool), signal.SIGKILL)
    np.testing.assert_array_equal(deepisp.read(sound).mosaic, MOSAIC)


def test_a_used_child_that_dies_on_a_file_is_given_no_blame_before_a_fresh_one_has_tried(pool, sound):
    deepisp.read(sound)
    child, found = idle(pool), []
    os.kill(child, signal.SIGSTOP)
    reading = threading.Thread(target=lambda: found.append(deepisp.read(sound)))
    reading.start()
    time.sleep(0.2)
    os.kill(child, signal.SIGSEGV)
    os.kill(child, signal.SIGCONT)
    reading.join(20)
    np.testing.assert_array_equal(found[0].mosaic, MOSAIC)


def test_closing_ends_a_child_at_work_and_starts_no_other(pool, sound, monkeypatch):
    deepisp.read(sound)
    child, found = idle(pool), []
    os.kill(child, signal.SIGSTOP)

    def read():
        try:
            deepisp.read(sound)
        except OSError as error:
            found.append(error)

    reading = threading.Thread(target=read)
    reading.start()
    while not pool._busy:
        time.sleep(0.001)
    started = []
    monkeypatch.setattr(decoder, "Decoder", lambda **_: started.append(1))
    pool.close()
    with pytest.raises(ProcessLookupError):
        os.kill(child, 0)
    reading.join(5)
    assert [type(error) for error in found] == [InterruptedError]
    assert (started, pool._idle, pool._busy) == ([], [], set())
    monkeypatch.undo()
    monkeypatch.setattr("deepisp.raw.read.POOL", pool)
    np.testing.assert_array_equal(deepisp.read(sound).mosaic, MOSAIC)  # a closed pool opens again


def test_an_interrupted_read_leaves_nothing_for_the_next_file(pool, sound, tmp_path, monkeypatch):
    other = make.save(tmp_path, make.dng(MOSAIC[::-1].copy()), "b.dng")
    deepisp.read(sound)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # Ctrl-C, as in a notebook, before the answer comes
        patch.setattr(decoder.Decoder, "_receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            deepisp.read(sound)
    np.testing.assert_array_equal(deepisp.read(other).mosaic, MOSAIC[::-1])


def test_one_child_at_most_is_warm(pool, sound):
    pool.warm()
    first = idle(pool)
    pool.warm()
    assert idle(pool) == first
    os.kill(first, signal.SIGKILL)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    pool.warm()
    assert len(pool._idle) == 2  # the dead one is dropped when its turn comes
    np.testing.assert_array_equal(deepisp.read(sound).mosaic, MOSAIC)


def test_too_little_memory_is_never_the_files_fault(pool, sound):
    for mib in (256, 300, 350, 400, 500):
        with contextlib.suppress(LimitReached):
            deepisp.read(sound, limits=Limits(max_memory_mib=mib))
    np.testing.assert_array_equal(deepisp.read(sound).mosaic, MOSAIC)


def test_a_hard_limit_on_memory_below_ours_is_kept(sound):
    """As clusters set it (`ulimit -Hv`): asking for more would be refused, and was taken for damage."""
    code = (
        "import resource, sys, deepisp\n"
        "resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))\n"
        "for _ in range(2):\n    print(deepisp.read(sys.argv[1]).cfa)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(sound)], capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("RGGB\nRGGB\n", "")


@pytest.mark.parametrize(
    "given", [{"timeout_s": float("inf")}, {"timeout_s": 1e12}, {"max_memory_mib": 1 << 40}]
)
def test_limits_beyond_what_systems_know_are_refused(given):
    with pytest.raises(ValueError, match=next(iter(given))):
        Limits(**given)


def test_many_at_once(pool, sound):
    found = []
    threads = [threading.Thread(target=lambda: found.append(deepisp.read(sound).mosaic)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 3
    assert all(np.array_equal(one, MOSAIC) for one in found)


def test_a_forked_process_has_children_of_its_own(sound):
    program = (
        "import os, deepisp, deepisp.raw.read as r\n"
        f"read = lambda: deepisp.read({str(sound)!r}).mosaic.sum()\n"
        "read(); here = r.POOL._idle[0]._process.pid\n"
        "if (pid := os.fork()) == 0:\n"
        "    read(); os._exit(r.POOL._idle[0]._process.pid == here)\n"
        "read(); assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def answer(message, tail=b""):
    """A child's program that reads one request and answers with these bytes."""
    header = message if isinstance(message, bytes) else json.dumps(message).encode()
    data = struct.pack("<Q", len(header)) + header + tail
    return f"import sys; sys.stdin.readline(); sys.stdout.buffer.write({data!r}); sys.stdout.flush()"


KILL = "import os, sys; sys.stdin.readline(); os.kill(os.getpid(), {})"
LIES = {
    "segfault": (KILL.format(11), DamagedFile, r"the decoder died on it \(signal 11\)"),
    "abort": (KILL.format(6), DamagedFile, "signal 6"),
    "killed": (KILL.format(9), LimitReached, "probably for lack of memory .*free memory or lower --jobs"),
    "exit": ("import sys; sys.stdin.readline(); sys.exit(3)", DamagedFile, "exit code 3"),
    "never reads": ("import sys; sys.exit(0)", DamagedFile, "the decoder died"),
    "cut": ("import sys; sys.stdout.buffer.write(bytes(3))", DamagedFile, "the decoder died"),
    "no json": (answer(b"\xff{["), DamagedFile, "the decoder died"),
    "a list": (answer([1]), DamagedFile, "the decoder died"),
    "no raw": (answer({"raw": {"mosaic": 3}, "arrays": []}), DamagedFile, "the decoder died"),
    "no array": (answer({"raw": {"mosaic": {"array": 9}}}), DamagedFile, "the decoder died"),
    "odd error": (answer({"error": "SystemExit", "what": 1, "remedy": 2}), DamagedFile, "the decoder died"),
    "huge header": ("import sys; sys.stdout.buffer.write(bytes([255] * 8))", DamagedFile, "the decoder died"),
    "huge array": (answer({"raw": {}, "arrays": [{"dtype": "uint16", "shape": [2**40]}]}), DamagedFile, "died"),
    "pickle": (answer({"raw": {}, "arrays": [{"dtype": "object", "shape": [1]}]}), DamagedFile, "died"),
    "too few bytes": (answer({"raw": {}, "arrays": [{"dtype": "uint16", "shape": [9]}]}, b"1"), DamagedFile, "died"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
def test_a_child_gone_mad_can_only_raise_raw_errors(pool, sound, monkeypatch, name):
    program, kind, words = LIES[name]
    start = subprocess.Popen
    monkeypatch.setattr(
        decoder.subprocess,
        "Popen",
        lambda _command, **options: start([sys.executable, "-c", program], **options),
    )
    with pytest.raises(kind, match=words):
        deepisp.read(sound, limits=Limits(timeout_s=5))


def test_the_child_prints_nothing_of_libraws(pool, tmp_path, capfd):
    data = bytearray(make.dng(make.noise(256, 256), compression=make.LOSSLESS_JPEG))
    data[3000:3100] = b"\xff" * 100
    with pytest.raises(DamagedFile):
        deepisp.read(make.save(tmp_path, bytes(data)))
    assert capfd.readouterr() == ("", "")


def test_an_interrupt_leaves_no_child_behind(tmp_path, sound):
    program = (
        "import sys, deepisp, deepisp.raw.read as r\n"
        f"deepisp.read({str(sound)!r})\n"
        "print(r.POOL._idle[0]._process.pid, flush=True)\n"
        "sys.stdin.read()"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child = int(parent.stdout.readline())
    parent.kill()  # not even atexit runs
    parent.communicate()
    for _ in range(50):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return
        time.sleep(0.1)
    pytest.fail("the child outlived its parent")
