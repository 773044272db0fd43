# SPDX-License-Identifier: MIT
"""Blobs (docs/protocol/v2.md, Blobs): put whole, in pieces and after breaks, read likewise, in memory
and on a disk.
"""
import contextlib
import hashlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading

from support import Http, Relay, equal, holds, main, refused, test, until

os.environ.pop("CLAWLINK_RELAY_CMD", None)  # memory and --data are both among these
STEP = 262144
REQUEST_MAX = 1048575


def content(size, seed=1):
    return random.Random(seed).randbytes(size)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def path(data):
    return "/v2/blobs/" + (data if isinstance(data, str) else sha256(data))


@contextlib.contextmanager
def folder():
    place = tempfile.mkdtemp(prefix="clawlink-blobs-")
    try:
        yield os.path.join(place, "data")
    finally:
        shutil.rmtree(place, ignore_errors=True)


def both(*options):
    """A test of one relay, done with a relay in memory and with one on a disk."""
    def decorate(body):
        def in_memory_and_on_a_disk():
            with Relay(*options) as relay:
                body(relay)
            with folder() as data, Relay("--data", data, *options) as relay:
                body(relay)
        in_memory_and_on_a_disk.__name__ = body.__name__
        in_memory_and_on_a_disk.__doc__ = body.__doc__
        return test(relay=False)(in_memory_and_on_a_disk)
    return decorate


def put(relay, data, offset=0, size=None, piece=None, name=None):
    """One request with a piece of the data."""
    piece = data[offset:offset + REQUEST_MAX] if piece is None else piece
    headers = {"Upload-Offset": str(offset), "Upload-Length": str(len(data) if size is None else size)}
    return relay.http.put(relay.url + path(name or data), data=piece, headers=headers, timeout=20)


def upload(relay, data, offset=0):
    """All of it, from there on, as the document says; the number of requests."""
    requests = 0
    while True:
        answer = put(relay, data, offset)
        requests += 1
        if answer.status_code == 201:
            equal(answer.headers["Upload-Complete"], "?1", "what a 201 says")
            return requests
        equal(answer.status_code, 204, f"status of a piece ({answer.text})")
        equal(int(answer.headers["Upload-Offset"]), min(offset + REQUEST_MAX, len(data)), "where on")
        offset = int(answer.headers["Upload-Offset"])


def head(relay, data):
    return relay.http.head(relay.url + path(data), timeout=20)


def have(relay, data):
    answer = head(relay, data)
    equal(answer.status_code, 404, "status of HEAD for a part")
    return int(answer.headers["Upload-Offset"])


def is_kept(relay, data):
    answer = relay.get(path(data))
    equal(answer.status_code, 200, "status of GET")
    equal(sha256(answer.content), sha256(data), "what was read")
    equal(answer.headers["ETag"], f'"{sha256(data)}"', "ETag")
    equal(int(answer.headers["Content-Length"]), len(data), "Content-Length")


@both()
def whole_one_is_put_and_read(relay):
    for size in 1, 1000, STEP, STEP + 1, REQUEST_MAX:
        data = content(size, size)
        equal(upload(relay, data), 1, "requests")
        is_kept(relay, data)
        answer = head(relay, data)
        equal(answer.status_code, 200, "HEAD")
        equal((answer.headers["Content-Length"], answer.headers["Upload-Complete"]),
              (str(size), "?1"), "what HEAD says")
        equal(upload(relay, data), 1, "requests of an upload of what is there")


@both()
def larger_one_takes_several_requests(relay):
    data = content(5 * REQUEST_MAX + 77)
    equal(upload(relay, data), 6, "requests")
    is_kept(relay, data)


@both()
def answers_name_where_to_go_on(relay):
    data = content(3 * STEP)
    equal(have(relay, data), 0, "before anything")
    refused(relay.get(path(data)), 404, code="not_found")
    equal(put(relay, data, piece=data[:1000]).headers["Upload-Offset"], "1000", "after a piece")
    equal(have(relay, data), 1000, "HEAD after a piece")
    for offset in 0, 999, 1001, 2 * STEP:
        answer = put(relay, data, offset, piece=data[offset:offset + 10])
        refused(answer, 409, code="stale")
        equal(answer.headers["Upload-Offset"], "1000", "where on")
    answer = put(relay, data, 1001, piece=b"")
    equal((answer.status_code, answer.headers["Upload-Offset"]), (409, "1000"), "an empty one")
    equal(put(relay, data, 1000, piece=b"").headers["Upload-Offset"], "1000", "an empty one there")
    refused(relay.get(path(data)), 404, code="not_found")
    upload(relay, data, 1000)
    is_kept(relay, data)


@both()
def broken_upload_goes_on_in_steps(relay):
    """What had arrived is kept in steps of 262 144 bytes."""
    data = content(REQUEST_MAX)
    with Http(relay) as connection:
        connection.send(f"PUT {path(data)} HTTP/1.1\r\nHost: localhost\r\nUpload-Length: "
                        f"{len(data)}\r\nContent-Length: {len(data)}\r\n\r\n",
                        data[:2 * STEP + 5000])
        until(lambda: have(relay, data) == 2 * STEP, "two steps")
        connection.reset()
    equal(have(relay, data), 2 * STEP, "after the break")
    upload(relay, data, 2 * STEP)
    is_kept(relay, data)


@both()
def broken_download_goes_on(relay):
    data = content(9 * STEP + 11)
    upload(relay, data)
    with Http(relay) as connection:
        connection.send(connection.request("GET", path(data)))
        got = b""
        while len(got) < STEP:
            got += connection.socket.recv(65536)
        connection.reset()
    got = got[got.index(b"\r\n\r\n") + 4:]
    equal(got, data[:len(got)], "before the break")
    answer = relay.get(path(data), headers={"Range": f"bytes={len(got)}-"})
    equal(answer.status_code, 206, "status of the rest")
    equal(answer.headers["Content-Range"], f"bytes {len(got)}-{len(data) - 1}/{len(data)}", "range")
    equal(sha256(got + answer.content), sha256(data), "both together")


@both()
def ranges_are_answered(relay):
    data = content(2 * STEP + 100)
    upload(relay, data)
    for wanted, start, end in (("0-", 0, None), (f"{STEP - 1}-{STEP}", STEP - 1, STEP + 1),
                               ("-100", 2 * STEP, None), ("7-7", 7, 8), (f"{STEP}-", STEP, None)):
        answer = relay.get(path(data), headers={"Range": "bytes=" + wanted})
        equal((answer.status_code, answer.content), (206, data[start:end]), f"range {wanted}")
    for passed_over in "bytes=5-4", "bytes=1-2,4-5", "lines=1-":
        answer = relay.get(path(data), headers={"Range": passed_over})
        equal((answer.status_code, len(answer.content)), (200, len(data)), passed_over)
    answer = relay.get(path(data), headers={"Range": f"bytes={len(data)}-"})
    equal((answer.status_code, answer.headers["Content-Range"]), (416, f"bytes */{len(data)}"),
          "behind the end")
    etag = f'"{sha256(data)}"'
    for tag, status in (etag, 206), ('"other"', 200):
        answer = relay.get(path(data), headers={"Range": "bytes=5-", "If-Range": tag})
        equal(answer.status_code, status, f"If-Range: {tag}")


@both()
def wrong_hash_drops_all(relay):
    data = content(STEP + 1)
    wrong = data[:-1] + b"?"
    put(relay, data, piece=wrong[:STEP])
    refused(put(relay, data, STEP, piece=wrong[STEP:]), 400, code="malformed")
    equal(have(relay, data), 0, "what is left")
    upload(relay, data)
    is_kept(relay, data)


@both()
def wrong_size_drops_all(relay):
    data = content(5000)
    refused(put(relay, data, size=4999), 400, code="malformed")
    equal(have(relay, data), 0, "what is left of one longer than it said")
    put(relay, data, size=6000)
    equal(have(relay, data), 5000, "one that said too much waits for more")
    refused(put(relay, data), 400, code="malformed")
    equal(have(relay, data), 0, "what is left of sizes that differ")
    upload(relay, data)
    refused(put(relay, data, size=4999), 400, code="malformed")
    is_kept(relay, data)


@both()
def two_uploaders_at_once_both_end_well(relay):
    """Whoever comes second is told where to go on."""
    data = content(8 * REQUEST_MAX)
    failures = []

    def work():
        offset = 0
        with Http(relay) as connection:
            while True:
                connection.send(connection.request(
                    "PUT", path(data), data[offset:offset + 400000],
                    [f"Upload-Offset: {offset}", f"Upload-Length: {len(data)}"]))
                answer = connection.answer()
                if answer.status not in (204, 409):
                    failures.append(answer.status)
                    return
                offset = int(answer.headers["upload-offset"])
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    equal(failures, [201, 201], "how they ended")
    is_kept(relay, data)


@both("--blob-bytes", "100000", "--all-blobs-bytes", "150000")
def bounds_hold(relay):
    too_large, first, second = content(100001), content(100000, 2), content(60000, 3)
    answer = relay.post("/v2", {"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {
        "versions": ["2.0"], "instance": "x"}})
    equal(answer.json()["result"]["limits"]["blob_bytes"], 100000, "what hello says")
    refused(put(relay, too_large), 413, code="too_large")
    upload(relay, first)
    refused(put(relay, second), 507, code="storage_full")
    is_kept(relay, first)
    upload(relay, content(50000, 4))


@both("--blob-bytes", "0")
def relay_may_keep_none(relay):
    data = content(10)
    refused(put(relay, data), 413, code="too_large")
    refused(relay.get(path(data)), 404, code="not_found")
    equal(have(relay, data), 0, "HEAD")


@test()
def requests_that_break_the_rules_are_refused(relay):
    data = content(10)
    url = relay.url + path(data)
    refused(relay.http.put(url, data=data), 400, code="missing_field")
    refused(relay.http.put(url, data=data, headers={"Upload-Length": "ten"}), 400, code="malformed")
    refused(relay.http.put(url, data=data, headers={"Upload-Length": "0"}), 400, code="malformed")
    refused(relay.http.put(url, data=data, headers={"Upload-Length": "10", "Upload-Offset": "11"}),
            400, code="malformed")
    refused(relay.http.put(url, data=data, headers={"Upload-Length": "10",
                                                    "Content-Encoding": "gzip"}), 415)
    answer = relay.http.delete(url)
    refused(answer, 405)
    equal(answer.headers["Allow"], "GET, HEAD, PUT", "Allow")
    for name in sha256(data).upper(), sha256(data)[:-1], sha256(data) + "0", "", "../x":
        refused(relay.http.get(relay.url + "/v2/blobs/" + name), 404)
    refused(relay.http.put(url, data=b"x" * (REQUEST_MAX + 1),
                           headers={"Upload-Length": str(REQUEST_MAX + 1)}), 413)
    equal(have(relay, data), 0, "what all of that left")


@test(token="secret")
def token_is_asked_for(relay):
    data = content(10)
    upload(relay, data)
    is_kept(relay, data)
    relay.http.headers.pop("Authorization")
    refused(relay.get(path(data)), 401)
    refused(put(relay, data), 401)


@test(relay=False)
def curl_puts_and_reads():
    data = content(300000)
    with folder() as place, Relay() as relay:
        os.makedirs(place)
        name, copy = os.path.join(place, "blob"), os.path.join(place, "copy")
        with open(name, "wb") as file:
            file.write(data)
        url = relay.url + path(data)
        subprocess.run(["curl", "-sf", "-T", name, "-H", f"Upload-Length: {len(data)}", url],
                       check=True, stdout=subprocess.DEVNULL)
        with open(copy, "wb") as file:
            file.write(data[:100000])
        subprocess.run(["curl", "-sf", "-C", "-", "-o", copy, url], check=True)
        with open(copy, "rb") as file:
            equal(sha256(file.read()), sha256(data), "what curl has")


# -- ends and starts ---------------------------------------------------------------------------


def kill_9(relay):
    relay.signal(signal.SIGKILL)
    relay.status = relay.process.wait()


@test(relay=False)
def upload_goes_on_after_a_kill():
    data = content(REQUEST_MAX)
    with folder() as place:
        with Relay("--data", place) as relay, Http(relay) as connection:
            connection.send(f"PUT {path(data)} HTTP/1.1\r\nHost: localhost\r\nUpload-Length: "
                            f"{len(data)}\r\nContent-Length: {len(data)}\r\n\r\n",
                            data[:3 * STEP + 1])
            until(lambda: have(relay, data) == 3 * STEP, "three steps")
            kill_9(relay)
        with Relay("--data", place) as relay:
            equal(have(relay, data), 3 * STEP, "after the kill")
            upload(relay, data, 3 * STEP)
            is_kept(relay, data)


@test(relay=False)
def what_was_answered_is_there_after_a_kill():
    data = content(3 * REQUEST_MAX)
    with folder() as place:
        with Relay("--data", place) as relay:
            upload(relay, data)
            kill_9(relay)
        with Relay("--data", place) as relay:
            is_kept(relay, data)
            mode = os.stat(os.path.join(place, "blobs", sha256(data))).st_mode
            equal(mode & 0o777, 0o600, "rights of its file")


@test(relay=False)
def file_that_was_changed_is_not_passed_off_as_whole():
    """A file of another length cannot be read to its end: the answer breaks off."""
    data = content(2 * STEP)
    with folder() as place, Relay("--data", place) as relay:
        upload(relay, data)
        os.truncate(os.path.join(place, "blobs", sha256(data)), STEP)
        with Http(relay) as connection:
            connection.send(connection.request("GET", path(data)))
            got = connection.rest()
        holds(len(got) < 2 * STEP, "more than there is was answered")
        until(lambda: "event=blob.failed" in relay.stderr(), "a line about it")
        relay.alive()


# -- slow readers ------------------------------------------------------------------------------


@both("--all-blobs-bytes", str(80 << 20))
def slow_readers_hold_a_piece_each(relay):
    """64 MiB, read by ten that hardly read: the relay holds a piece for each, not all of it."""
    data = content(64 << 20)
    upload(relay, data)
    before = relay.memory_kib()
    readers = [Http(relay, receive_buffer=4096) for _ in range(10)]
    for reader in readers:
        reader.send(reader.request("GET", path(data)))
    for reader in readers:
        equal(reader.socket.recv(12), b"HTTP/1.1 200", "the beginning of the answer")
    is_kept(relay, data)  # by one that is quick, meanwhile
    relay.grew_less(before, 16 << 10)
    for reader in readers:
        reader.reset()
    relay.alive()


if __name__ == "__main__":
    main()
