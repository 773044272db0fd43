# SPDX-License-Identifier: MIT
"""Blobs (docs/protocol/v2.md, Blobs): put whole, in pieces and after breaks, read likewise, in memory
and on a disk.
"""
import base64
import contextlib
import hashlib
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from support import BIN, Http, Relay, WebSocket, environment, equal, holds, main, refused, test, until

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
        if answer.status_code == 409 and requests < 10:  # dropped with the last that named it
            offset = int(answer.headers["Upload-Offset"])
            continue
        equal(answer.status_code, 204, f"status of a piece ({answer.text})")
        equal(int(answer.headers["Upload-Offset"]), min(offset + REQUEST_MAX, len(data)), "where on")
        offset = int(answer.headers["Upload-Offset"])


def head(relay, data):
    return relay.http.head(relay.url + path(data), timeout=20)


def have(relay, data):
    answer = head(relay, data)
    equal(answer.status_code, 404, "status of HEAD for a part")
    return int(answer.headers["Upload-Offset"])


def admin(relay, verb, *options):
    """(exit code, stdout, stderr) of `clawlink relay VERB`."""
    door = os.path.join(relay.folder, "clawlink", f"relay-{relay.port}.sock")
    done = subprocess.run([BIN, "relay", verb, "--admin-socket", door, *options],
                          env=environment(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


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


@both("--blob-bytes", "100000", "--all-blobs-bytes", "300000")
def sizes_that_are_only_said_take_no_room(relay):
    """And what is there is counted, for people and for Prometheus."""
    for number in range(40):
        answer = put(relay, b"", size=100000, name=sha256(b"%d" % number))
        equal((answer.status_code, answer.headers["Upload-Offset"]), (204, "0"), "of no byte")
    whole, part = content(50000), content(100000, 2)
    upload(relay, whole)
    put(relay, part, piece=part[:20000])
    said = json.loads(admin(relay, "status", "--json")[1])
    taken = 150000 if said["blobs"]["bytes"] == 150000 else 70000  # in memory by whole chunks
    equal(said["blobs"], {"whole": 1, "partial_uploads": 1, "bytes": taken}, "relay status")
    equal((said["limits"]["blob_bytes"], said["limits"]["all_blobs_bytes"]), (100000, 300000),
          "limits")
    holds(f"1 whole, 1 partial upload, {taken} bytes" in admin(relay, "status")[1], "for people")
    metrics = relay.get("/metrics").text
    for line in ('clawlink_blobs{state="whole"} 1', 'clawlink_blobs{state="partial"} 1',
                 f"clawlink_blob_bytes {taken}", "clawlink_blob_bytes_max 300000"):
        holds(line + "\n" in metrics, f"{line} is not in the metrics")


@both("--blob-bytes", "0")
def relay_may_keep_none(relay):
    data = content(10)
    refused(put(relay, data), 413, code="too_large")
    refused(relay.get(path(data)), 404, code="not_found")
    equal(have(relay, data), 0, "HEAD")
    call(relay, "attach", agent="m/b")
    text = "x" * 900000  # of v1; in an envelope it would be longer than a text may be
    relay.delegate("old", "m/b", text)
    [(header, body)], _ = receive(relay, "m/b")
    equal((header["cty"], json.loads(body)["size"]), (BLOB, len(text)), "what v2 is shown of v1")
    is_kept(relay, text.encode())


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
    in_url = "?token=" + relay.token
    for _ in range(2):
        refused(relay.get(path(data) + in_url), 400, code="malformed")
        refused(put(relay, data, name=sha256(data) + in_url), 400, code="malformed")
    relay.http.headers.pop("Authorization")
    refused(relay.get(path(data) + in_url), 400, code="malformed")
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


# -- in messages -------------------------------------------------------------------------------


NUMBERS = itertools.count(1)
STREAM = os.urandom(8)
BLOB = "application/clawlink-blob+json"


def b64(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def call(relay, method, **params):
    """The result, or the error, of one call over HTTP."""
    answer = relay.post("/v2", {"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    return answer.json().get("result") or answer.json().get("error") or {}


def envelope(target, body, **header):
    now = int(time.time())
    header = {"typ": "clawlink-msg+jws", "from": "m/a", "to": target, "id": b64(os.urandom(16)),
              "iat": now, "exp": now + 3600, "str": b64(STREAM), "seq": next(NUMBERS), **header}
    return {"protected": b64(json.dumps(header).encode()), "payload": b64(body)}


def name_of(data, cty="text/plain", size=None):
    named = {"sha256": sha256(data), "size": len(data) if size is None else size, "cty": cty}
    return json.dumps(named).encode()


def send(relay, target, data, **header):
    """Sends what was uploaded, by its name."""
    sent = call(relay, "send", envelope=envelope(target, name_of(data), cty=BLOB, **header))
    equal(sent.get("status"), "accepted", f"what send says ({sent})")
    return sent


def receive(relay, agent, wait=5, **more):
    """What waits: headers and bodies, and the lease."""
    batch = call(relay, "receive", agent=agent, wait=wait, **more)
    parts = [[base64.urlsafe_b64decode(message["envelope"][name] + "==")
              for name in ("protected", "payload")] for message in batch["messages"]]
    return [(json.loads(header), body) for header, body in parts], batch.get("lease")


def is_gone(relay, data):
    return head(relay, data).status_code == 404


def backup(relay, file, fails=False):
    """What `clawlink relay backup` says."""
    code, stdout, stderr = admin(relay, "backup", "--file", file)
    equal(code != 0, fails, f"status ({stderr})")
    return stderr if fails else stdout


@both()
def message_takes_its_blob_along(relay):
    data = content(3 * STEP)
    call(relay, "attach", agent="m/b")
    upload(relay, data)
    send(relay, "m/b", data)
    [(header, body)], lease = receive(relay, "m/b")
    equal(header["cty"], BLOB, "cty")
    equal(json.loads(body)["sha256"], sha256(data), "what it names")
    is_kept(relay, data)
    call(relay, "ack", agent="m/b", lease=lease)
    until(lambda: is_gone(relay, data), "the blob goes with its message")
    refused(relay.get(path(data)), 404, code="not_found")


@both()
def last_of_several_messages_takes_it(relay):
    data = content(1000)
    call(relay, "attach", agent="m/b")
    call(relay, "attach", agent="m/c")
    upload(relay, data)
    send(relay, "m/b", data)
    send(relay, "topic:news", data)  # to both
    for agent in "m/b", "m/c":
        is_kept(relay, data)
        messages, lease = receive(relay, agent)
        equal(len(messages), 2 if agent == "m/b" else 1, f"messages for {agent}")
        call(relay, "ack", agent=agent, lease=lease)
    until(lambda: is_gone(relay, data), "the blob goes with the last message")


@both()
def dead_letter_keeps_its_blob(relay):
    data = content(1000)
    call(relay, "attach", agent="m/b")
    upload(relay, data)
    sent = send(relay, "m/b", data)
    messages = call(relay, "receive", agent="m/b", wait=5)["messages"]
    call(relay, "refuse", agent="m/b", at=messages[0]["at"], reason="too long")
    until(lambda: "ended" in call(relay, "trace", agent="m/a", id=sent["id"]), "it is refused")
    is_kept(relay, data)
    call(relay, "dead.drop", agent="m/a", id=sent["id"])
    until(lambda: is_gone(relay, data), "the blob goes with the letter")


@both()
def send_of_what_is_not_whole_is_refused(relay):
    data = content(1000)
    call(relay, "attach", agent="m/b")
    for there in 0, 999:
        put(relay, data, piece=data[:there])
        early = call(relay, "send", envelope=envelope("m/b", name_of(data), cty=BLOB))
        equal(early["data"]["error"], "not_found", f"{there} bytes of it are there")
    upload(relay, data, 999)
    wrong = envelope("m/b", name_of(data, size=999), cty=BLOB)
    equal(call(relay, "send", envelope=wrong)["data"]["error"], "not_found", "another size")
    for body in b"text", b"{}", name_of(data)[:-1] + b',"more":1}':
        wrong = call(relay, "send", envelope=envelope("m/b", body, cty=BLOB))
        holds(wrong["data"]["error"] in ("malformed", "missing_field"), f"{body}: {wrong}")
    send(relay, "m/b", data)


@both("--inbox-messages", "1")
def send_that_was_refused_may_be_tried_again(relay):
    """Two were told that the blob is there: it stays until both have named it."""
    data = content(1000)
    call(relay, "attach", agent="m/b")
    call(relay, "attach", agent="m/full")
    call(relay, "send", envelope=envelope("m/full", b"first"))
    for _ in range(2):
        equal(put(relay, data).status_code, 201, "status")
    early = envelope("m/full", name_of(data), cty=BLOB)
    equal(call(relay, "send", envelope=early)["data"]["error"], "inbox_full", "the first send")
    send(relay, "m/b", data)
    call(relay, "ack", agent="m/b", lease=receive(relay, "m/b")[1])
    call(relay, "ack", agent="m/full", lease=receive(relay, "m/full")[1])
    equal(call(relay, "send", envelope=early).get("status"), "accepted", "the second")
    call(relay, "ack", agent="m/full", lease=receive(relay, "m/full")[1])
    until(lambda: is_gone(relay, data), "now it goes")


@both()
def message_that_is_sent_again_needs_no_blob(relay):
    data = content(1000)
    call(relay, "attach", agent="m/b")
    upload(relay, data)
    text = envelope("m/b", name_of(data), cty=BLOB)
    equal(call(relay, "send", envelope=text)["duplicate"], False, "the first time")
    call(relay, "ack", agent="m/b", lease=receive(relay, "m/b")[1])
    until(lambda: is_gone(relay, data), "the blob goes with its message")
    equal(call(relay, "send", envelope=text)["duplicate"], True, "the second time")


@test(relay=False)
def blob_and_its_message_outlive_a_kill():
    data = content(2 * REQUEST_MAX)
    with folder() as place:
        with Relay("--data", place) as relay:
            call(relay, "attach", agent="m/b")
            upload(relay, data)
            send(relay, "m/b", data)
            kill_9(relay)
        with Relay("--data", place) as relay:
            (_, body), = receive(relay, "m/b")[0]
            equal(json.loads(body)["size"], len(data), "what waits")
            is_kept(relay, data)
            call(relay, "attach", agent="m/b")
            kill_9(relay)
        shutil.rmtree(os.path.join(place, "blobs"))
        with Relay("--data", place) as relay:
            until(lambda: "event=blob.missing count=1" in relay.stderr(), "what is missing is told")
            refused(relay.get(path(data)), 404, code="not_found")
            upload(relay, data)
            send(relay, "m/b", data)
            is_kept(relay, data)
            call(relay, "ack", agent="m/b", lease=receive(relay, "m/b")[1])
            until(lambda: os.listdir(os.path.join(place, "blobs")) == [], "the file goes")


# -- with v1 -----------------------------------------------------------------------------------


@test(relay=False)
def backup_has_the_blobs_that_it_names():
    """While it serves; whatever goes meanwhile, a relay on the copy serves what waits there."""
    with folder() as data, folder() as copy:
        kept = [content(size, size) for size in (1, 40000, 700000)]
        taken = [content(40000, 70 + number) for number in range(30)]
        with Relay("--data", data) as relay:
            for agent, blobs in ("m/keeps", kept), ("m/takes", taken):
                call(relay, "attach", agent=agent)
                for blob in blobs:
                    upload(relay, blob)
                    send(relay, agent, blob)

            def take_all():
                while (lease := receive(relay, "m/takes", max=1, wait=0)[1]) is not None:
                    call(relay, "ack", agent="m/takes", lease=lease)

            taker = threading.Thread(target=take_all)
            taker.start()
            os.mkdir(copy)
            said = backup(relay, os.path.join(copy, "journal.db"))
            holds("blobs of " in said and said.endswith("journal.db.blobs\n"), said)
            holds("event=backup.saved" in relay.stderr(), "the log")
            taker.join()
            until(lambda: all(is_gone(relay, blob) for blob in taken), "what was taken goes, also "
                  "what was kept for the backup")
        os.rename(os.path.join(copy, "journal.db.blobs"), os.path.join(copy, "blobs"))
        equal(os.stat(os.path.join(copy, "blobs")).st_mode & 0o777, 0o700, "mode of the folder")
        with Relay("--data", copy) as relay:
            holds("blob.missing" not in relay.stderr(), relay.stderr())
            for blob in kept:
                is_kept(relay, blob)
            equal(len(receive(relay, "m/keeps")[0]), 3, "messages in the copy")


@test(relay=False)
def backup_whose_blobs_cannot_be_written_is_none():
    with folder() as data, Relay("--data", data) as relay:
        upload(relay, content(9))
        place = os.path.dirname(data)
        os.mkdir(os.path.join(place, "copy.blobs"))
        holds("File exists" in backup(relay, os.path.join(place, "copy"), fails=True), "why")
        equal(sorted(os.listdir(place)), ["copy.blobs", "data"], "what was left")
        backup(relay, os.path.join(place, "again"))


@both()
def long_message_of_v1_is_a_blob_for_v2(relay):
    """Above 32 768 bytes; what is shorter is in the envelope."""
    call(relay, "attach", agent="m/b")
    for size in 32768, 32769, 1000000:
        relay.delegate("old", "m/b", "x" * size)
        [(header, body)], lease = receive(relay, "m/b")
        if size == 32768:
            equal((header.get("cty"), len(body)), (None, size), "one that fits")
        else:
            named = json.loads(body)
            equal((header["cty"], named["size"], named.get("cty")), (BLOB, size, None), "its name")
            equal(named["sha256"], sha256(b"x" * size), "its hash")
            is_kept(relay, b"x" * size)
            part = relay.get(path(named["sha256"]), headers={"Range": f"bytes={size - 5}-"})
            equal((part.status_code, part.content), (206, b"xxxxx"), "its end")
            equal(head(relay, b"x" * size).headers["Content-Length"], str(size), "HEAD")
        call(relay, "ack", agent="m/b", lease=lease)


@both()
def long_message_with_a_context_is_one_too(relay):
    call(relay, "attach", agent="m/b")
    relay.delegate("old", "m/b", "x" * 50000, context={"why": "because"})
    [(_, body)], _ = receive(relay, "m/b")
    equal(json.loads(body)["cty"], "application/clawlink-v1+json", "what it is")
    told = relay.get(path(json.loads(body)["sha256"])).json()
    equal((told["type"], len(told["task"]), told["context"]),
          ("task_delegation", 50000, {"why": "because"}), "what it says")


@both()
def v1_is_shown_the_content(relay):
    """Where it fits a frame of v1, else the name."""
    text = "a\u2713" * 100000
    relay.register("old")
    call(relay, "attach", agent="m/a")
    upload(relay, text.encode())
    send(relay, "v1/old", text.encode())
    equal(relay.tasks("old"), [text], "what is polled")
    with WebSocket(relay, "old") as socket:
        upload(relay, text.encode())
        send(relay, "v1/old", text.encode())
        equal(socket.message()["task"], text, "what is pushed")
        large = b"y" * (2 * REQUEST_MAX)
        upload(relay, large)
        send(relay, "v1/old", large)
        shown = socket.message()
        equal(shown["context"]["content_type"], BLOB, "type of a large one")
        named = json.loads(shown["task"]) if isinstance(shown["task"], str) else shown["task"]
        equal(named["sha256"], sha256(large), "its name")
        is_kept(relay, large)


@test()
def each_poll_of_v1_is_shown_contents(relay):
    """Two megabytes of them in a batch: not in all batches together."""
    relay.register("old")
    call(relay, "attach", agent="m/a")
    for number in range(4):
        text = str(number) * 900000
        upload(relay, text.encode())
        send(relay, "v1/old", text.encode())
        equal(relay.tasks("old"), [text], "what is polled")


@test()
def many_agents_of_v1_are_shown_one_blob(relay):
    """A megabyte for 12 agents is one in the relay's memory, not 12."""
    names = [f"old{number}" for number in range(12)]
    relay.register(*names)
    call(relay, "attach", agent="m/a")
    data = b"z" * 900000
    upload(relay, data)
    before = relay.memory_kib()
    sockets = [WebSocket(relay, name, receive_buffer=65536) for name in names]
    send(relay, "topic:news", data)
    for socket in sockets:
        equal(socket.message()["content"], "z" * 900000, "what is pushed")
    relay.grew_less(before, 6 << 10)


# -- slow readers ------------------------------------------------------------------------------


@both()
def slow_readers_hold_a_piece_each(relay):
    """20 MiB, read by ten that hardly read: the relay holds a piece for each, not all of it."""
    data = content(1 << 20) * 20
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
