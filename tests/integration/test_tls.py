# SPDX-License-Identifier: MIT
"""TLS from outside: what the relay takes and refuses, and whom the command line trusts.

Certificates are made by the openssl command line, so that two implementations meet.
"""
import base64
import contextlib
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from cli_support import Home
from support import (WAIT, Library, Relay, equal, holds, main, row, start_fails, test, until)

TOKEN = "canary-token-4711"
FOLDER = tempfile.mkdtemp(prefix="clawlink-tls-")
HALF_OPEN = 200


def openssl(*words, text=None):
    done = subprocess.run(["openssl", *words], input=text, capture_output=True, timeout=WAIT * 3,
                          check=False)
    holds(done.returncode == 0, f"openssl {words}: {done.stderr!r}")
    return done.stdout


def path(name):
    return os.path.join(FOLDER, name)


def key(name, kind="ec"):
    """A new private key, 0600."""
    options = {"ec": ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
               "rsa": ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"]}[kind]
    openssl("genpkey", *options, "-out", path(name + ".key"))
    os.chmod(path(name + ".key"), 0o600)
    return path(name + ".key")


def certificate(name, key_path, issuer=None, names="DNS:localhost,IP:127.0.0.1", extra=(),
                authority=False):
    """A certificate for that key: self-signed, or by (certificate, key) of an issuer."""
    request = openssl("req", "-new", "-key", key_path, "-subj", "/CN=" + name)
    with open(path(name + ".ext"), "w", encoding="ascii") as extensions:
        extensions.write(f"subjectAltName={names}\nbasicConstraints=critical,"
                         f"CA:{'TRUE' if authority else 'FALSE'}\n")
    words = ["x509", "-req", "-extfile", path(name + ".ext"), "-out", path(name + ".pem")]
    words += ["-CA", issuer[0], "-CAkey", issuer[1], "-CAcreateserial"] if issuer else \
        ["-key", key_path]
    openssl(*words, *(extra or ["-days", "30"]), text=request)
    return path(name + ".pem")


def pin_of(certificate_path):
    public = openssl("x509", "-in", certificate_path, "-pubkey", "-noout")
    der = openssl("pkey", "-pubin", "-outform", "der", text=public)
    return "sha256:" + base64.b64encode(hashlib.sha256(der).digest()).decode()


class Files:
    """Made once: an authority, and what it vouches for."""
    root_key = root = relay_key = relay = other_key = other = None

    @classmethod
    def make(cls):
        cls.root_key = key("root")
        cls.root = certificate("root", cls.root_key, authority=True)
        cls.relay_key = key("relay")
        cls.relay = certificate("relay", cls.relay_key, (cls.root, cls.root_key))
        cls.other_key = key("other", "rsa")
        cls.other = certificate("other", cls.other_key, (cls.root, cls.root_key))


def with_tls(*more, cert=None, private=None, **options):
    return Relay("--tls-cert", cert or Files.relay, "--tls-key", private or Files.relay_key, *more,
                 **options)


def connect(relay, cafile=None, **options):
    """An ssl connection of Python's."""
    context = ssl.create_default_context(cafile=cafile or Files.root)
    for name, value in options.items():
        setattr(context, name, value)
    raw = socket.create_connection((relay.host, relay.port), timeout=WAIT)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw, server_hostname="localhost")


def ask(stream, target="/healthz"):
    stream.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return stream.recv(65536)


def shown_pin(relay):
    """The pin of the key that a new connection sees."""
    with connect(relay) as stream:
        der = stream.getpeercert(binary_form=True)
    with open(path("shown.der"), "wb") as out:
        out.write(der)
    openssl("x509", "-inform", "der", "-in", path("shown.der"), "-out", path("shown.pem"))
    return pin_of(path("shown.pem"))


# -- the relay ---------------------------------------------------------------------------------


@test(relay=False)
def a_certificate_of_an_authority_serves_every_kind_of_client():
    """curl, Python's ssl, requests and websockets, and the verbs, verify name and chain."""
    with with_tls(token=TOKEN, env={"CLAWLINK_TOKEN": TOKEN}) as relay:
        equal(relay.url, f"https://127.0.0.1:{relay.port}", "URL")
        equal(relay.pin, pin_of(Files.relay), "pin")
        relay.http.verify = Files.root
        equal(relay.good("/healthz"), {"status": "ok"}, "by requests")
        curl = subprocess.run(["curl", "-sS", "--cacert", Files.root, relay.url + "/healthz"],
                              capture_output=True, text=True, timeout=WAIT, check=False)
        equal(curl.stdout, '{"status":"ok"}', f"by curl ({curl.stderr})")
        with connect(relay) as stream:
            equal(stream.version(), "TLSv1.3", "version")
            holds(b"200 OK" in ask(stream), "an answer")
        relay.register("a", "b")
        listener = Library(relay, "a", query="?token=" + TOKEN,
                           ssl=ssl.create_default_context(cafile=Files.root))
        relay.delegate("b", "a", "over wss")
        equal(listener.message()["task"], "over wss", "task")
        # A relay that is on the way out closes it with a code, through TLS.
        relay.signal(signal.SIGTERM)
        equal(listener.closed(), 1012, "close code")
        equal(relay.wait(), 0, "status")


@test(relay=False)
def large_bodies_go_both_ways():
    with with_tls() as relay:
        relay.http.verify = Files.root
        relay.register("a", "b")
        text = "x" * 900000
        for _ in range(3):
            relay.delegate("a", "b", text)
        found = []
        while len(found) < 3:
            found += relay.tasks("b")
        equal([len(task) for task in found], [len(text)] * 3, "lengths")


@contextlib.contextmanager
def s_client(relay, *words):
    """An openssl s_client that is told lines to send, or a command of its own (K, k)."""
    client = subprocess.Popen(
        ["openssl", "s_client", "-connect", f"{relay.host}:{relay.port}", "-CAfile", Files.root,
         "-crlf", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
    heard = bytearray()

    def listen():
        while piece := client.stdout.read(65536):
            heard.extend(piece)
    thread = threading.Thread(target=listen, daemon=True)
    thread.start()

    def say(line):
        client.stdin.write(line + b"\n")
    try:
        until(lambda: b"Verify return code" in heard, "a handshake")
        yield say, heard
    finally:
        client.kill()
        client.wait()
        thread.join()


@test(relay=False)
def every_cipher_of_tls_1_3_serves():
    """The relay's own records (AES-GCM) and OpenSSL's (ChaCha20): small, large, many, in turn."""
    suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    body = json.dumps({"file_key": "k", "agent_id": "a", "content": "y" * 600000}).encode()
    with with_tls() as relay:
        for suite in suites:
            with row(suite):
                for words in ([], ["-d", "@-", "-H", "Content-Type: application/json"]):
                    target = "/files" if words else "/healthz"
                    curl = subprocess.run(
                        ["curl", "-sS", "--tls13-ciphers", suite, "--cacert", Files.root, *words,
                         relay.url + target], input=body, capture_output=True, timeout=WAIT,
                        check=False)
                    holds(b"error" not in curl.stdout and curl.returncode == 0, str(curl))
                curl = subprocess.run(
                    ["curl", "-sS", "--tls13-ciphers", suite, "--cacert", Files.root,
                     relay.url + "/files/k"], capture_output=True, timeout=WAIT, check=False)
                holds(b"y" * 600000 in curl.stdout, f"{len(curl.stdout)} bytes ({curl.stderr!r})")
                with s_client(relay, "-ciphersuites", suite) as (say, heard):
                    holds(suite.encode() in heard, heard[-500:])
                    for count in range(1, 4):
                        say(b"GET /healthz HTTP/1.1\nHost: localhost\n")
                        until(lambda n=count: heard.count(b'{"status":"ok"}') == n, "an answer")


@test(relay=False)
def keys_are_updated_in_the_middle_of_a_dialogue():
    """By openssl s_client: k tells, K asks for ours too. HTTP kept alive, then a WebSocket."""
    with with_tls() as relay:
        relay.http.verify = Files.root
        relay.register("a", "b")
        for suite in ("TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384"):
            with row(suite), s_client(relay, "-ciphersuites", suite) as (say, heard):
                for count, command in enumerate((b"k", b"K", b"K", b"k", b"K"), 1):
                    say(command)
                    until(lambda n=count: heard.count(b"KEYUPDATE") == n, "the command")
                    say(b"GET /healthz HTTP/1.1\nHost: localhost\n")
                    until(lambda n=count: heard.count(b'{"status":"ok"}') == n, "an answer")
                say(b"GET /ws/a HTTP/1.1\nHost: localhost\nConnection: Upgrade\nUpgrade: websocket\n"
                    b"Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n")
                until(lambda: b" 101 " in heard, "the upgrade")
                say(b"K")
                until(lambda: heard.count(b"KEYUPDATE") == 6, "the command")
                relay.delegate("b", "a", "behind a new key " + suite)
                until(lambda name=suite: f"behind a new key {name}".encode() in heard, "the task")


@test(relay=False)
def nonsense_behind_the_handshake_is_answered_with_an_alert():
    """What somebody on the way adds: the client hears which alert it is."""
    heads = [(b"\x17\3\3\0\x20" + bytes(32), "bad record mac"),
             (b"\x14\3\3\0\1\1", "unexpected message"),
             (b"\x15\3\3\0\2\1\0", "unexpected message"),
             (b"\x17\3\3\xff\xff", "record overflow")]
    with with_tls() as relay:
        for bytes_added, alert in heads:
            with row(alert):
                sent, come = ssl.MemoryBIO(), ssl.MemoryBIO()
                client = ssl.create_default_context(cafile=Files.root).wrap_bio(
                    come, sent, server_hostname="localhost")
                with socket.create_connection((relay.host, relay.port), timeout=WAIT) as raw:
                    while True:
                        try:
                            client.do_handshake()
                            break
                        except ssl.SSLWantReadError:
                            raw.sendall(sent.read())
                            come.write(raw.recv(65536))
                    raw.sendall(sent.read() + bytes_added)
                    while piece := raw.recv(65536):
                        come.write(piece)
                    try:
                        client.read(1)
                        holds(False, "there was no alert")
                    except ssl.SSLError as error:
                        holds(alert in str(error).lower().replace("_", " "), str(error))


@test(relay=False)
def twelve_without_aead_and_all_before_it_are_refused():
    """openssl s_client with everything allowed gets no connection: TLS 1.0, 1.1, CBC, RSA."""
    tries = [["-tls1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
             ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"],
             ["-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"],
             ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384:@SECLEVEL=0"]]
    with with_tls() as relay:
        for words in tries:
            with row(" ".join(words)):
                done = subprocess.run(
                    ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", *words],
                    input=b"", capture_output=True, timeout=WAIT, check=False)
                holds(b"Cipher is (NONE)" in done.stdout, done.stdout[-300:])
        good = subprocess.run(
            ["openssl", "s_client", "-connect", f"127.0.0.1:{relay.port}", "-tls1_2", "-cipher",
             "ECDHE-ECDSA-AES128-GCM-SHA256"], input=b"", capture_output=True, timeout=WAIT,
            check=False)
        holds(b"Cipher is ECDHE-ECDSA-AES128-GCM-SHA256" in good.stdout, good.stdout[-300:])


@test(relay=False)
def plain_text_at_the_port_of_tls_is_told_and_ends():
    with with_tls() as relay:
        with socket.create_connection((relay.host, relay.port), timeout=WAIT) as plain:
            plain.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            said = b""
            while piece := plain.recv(4096):
                said += piece
        holds(said.startswith(b"HTTP/1.1 400 ") and said.endswith(b"This port speaks https.\n"),
              said)
        with connect(relay) as stream:
            holds(b"200 OK" in ask(stream), "others are served")


@test(relay=False)
def sighup_takes_a_new_certificate_and_keeps_connections():
    chosen, private = path("current.pem"), path("current.key")

    def choose(cert, key_path):
        shutil.copy(cert, chosen)
        shutil.copy(key_path, private)
        os.chmod(private, 0o600)

    choose(Files.relay, Files.relay_key)
    log = path("relay.log")
    with with_tls("--log-file", log, cert=chosen, private=private) as relay:
        relay.http.verify = Files.root
        relay.register("a", "b")
        context = ssl.create_default_context(cafile=Files.root)
        listener = Library(relay, "a", ssl=context)
        with connect(relay) as stream:
            equal(shown_pin(relay), pin_of(Files.relay), "pin at first")
            choose(Files.other, Files.other_key)
            os.rename(log, log + ".1")
            relay.signal(signal.SIGHUP)
            until(lambda: shown_pin(relay) == pin_of(Files.other), "the new key")
            holds(b"200 OK" in ask(stream), "the old connection lives")
        relay.delegate("b", "a", "still here")
        equal(listener.message()["task"], "still here", "over the old WebSocket")
        with open(log, encoding="utf-8") as reopened:
            holds(pin_of(Files.other) in reopened.read(), "the new pin is logged in the new file")

        with open(chosen, "w", encoding="ascii") as broken:
            broken.write("broken")
        relay.signal(signal.SIGHUP)

        def is_told():
            with open(log, encoding="utf-8") as told:
                return "tls.not_reloaded" in told.read()
        until(is_told, "an error in the log")
        equal(shown_pin(relay), pin_of(Files.other), "the key before the broken file")
        listener.drop()


@test()
def sighup_without_tls_does_no_harm(relay):
    relay.signal(signal.SIGHUP)
    until(lambda: "relay.reloading" in relay.stderr(), "SIGHUP is logged")
    relay.alive()


@test(relay=False)
def a_certificate_of_its_own_is_made_once_and_kept():
    folder = path("own")
    options = ("--tls-self-signed", "--tls-dir", folder, "--allow-host", "box.example")
    with Relay(*options) as relay:
        pin = relay.pin
        with open(os.path.join(folder, "cert.pem"), encoding="ascii") as made:
            text = made.read()
        equal(pin, pin_of(os.path.join(folder, "cert.pem")), "pin")
        equal(os.stat(os.path.join(folder, "key.pem")).st_mode & 0o777, 0o600, "mode of the key")
        equal(os.stat(folder).st_mode & 0o777, 0o700, "mode of the folder")
        relay.http.verify = os.path.join(folder, "cert.pem")
        equal(relay.good("/healthz"), {"status": "ok"}, "answer")
    names = openssl("x509", "-in", os.path.join(folder, "cert.pem"), "-noout", "-ext",
                    "subjectAltName").decode()
    for name in ("localhost", "127.0.0.1", "box.example", socket.gethostname()):
        holds(name in names, f"{name} is not in {names}")
    with Relay(*options) as relay:
        equal(relay.pin, pin, "pin of the second start")
        with open(os.path.join(folder, "cert.pem"), encoding="ascii") as kept:
            equal(kept.read(), text, "certificate of the second start")
    with Relay(*options, "--allow-host", "new.example") as relay:
        equal(relay.pin, pin, "pin with another name")


@test(relay=False)
def options_of_tls_that_make_no_sense_are_refused():
    open_key = path("open.key")
    shutil.copy(Files.relay_key, open_key)
    os.chmod(open_key, 0o644)
    no_key = path("no.key")
    shutil.copy(Files.relay, no_key)
    os.chmod(no_key, 0o600)
    rows = [(["--tls-cert", Files.relay], "--tls-key"),
            (["--tls-key", Files.relay_key], "--tls-cert"),
            (["--tls-dir", FOLDER], "--tls-self-signed"),
            (["--tls-self-signed", "--tls-cert", Files.relay, "--tls-key", Files.relay_key], "one"),
            (["--tls-cert", "/nonexistent", "--tls-key", Files.relay_key], "/nonexistent"),
            (["--tls-cert", Files.relay, "--tls-key", Files.other_key], "does not belong"),
            (["--tls-cert", Files.relay, "--tls-key", no_key], "no key"),
            (["--tls-cert", Files.relay_key, "--tls-key", Files.relay_key], "no certificate"),
            (["--tls-cert", Files.relay, "--tls-key", open_key], "0600")]
    for options, told in rows:
        with row(" ".join(options)):
            status, out, err = start_fails(*options)
            holds(0 < status < 64, f"status {status}")
            equal(out, "", "standard output")
            holds(told in err, f"{told!r} is not in {err!r}")


@test(relay=False)
def plain_text_beyond_loopback_wants_to_be_said():
    status, out, err = start_fails("--host", "0.0.0.0", "--token", TOKEN)
    holds(0 < status < 64 and out == "", f"status {status}")
    for way in ("--tls-self-signed", "--tls-cert", "--allow-plain"):
        holds(way in err, f"{way} is not told: {err}")
    holds("--no-auth" not in err, f"there is a token: {err}")
    status, out, err = start_fails("--host", "0.0.0.0", "--no-auth")
    holds(0 < status < 64 and out == "", f"status {status}")
    holds("--allow-plain" in err and "--token-file" not in err, f"only TLS is missing: {err}")
    holds("open_to_all" not in err, f"it is not open at all: {err}")
    with Relay("--host", "0.0.0.0", "--allow-plain", token=TOKEN,
               env={"CLAWLINK_TOKEN": TOKEN}) as relay:
        holds("relay.plain_text" in relay.stderr(), "it is logged")
    with with_tls("--host", "0.0.0.0", env={"CLAWLINK_TOKEN": TOKEN}) as relay:
        holds(relay.url.startswith("https://0.0.0.0:"), relay.url)


@test(relay=False, seconds=90)
def half_open_handshakes_hold_up_nobody_and_are_cut():
    """200 that stop in the middle: /healthz answers meanwhile, and all are closed in time."""
    hello = ssl.MemoryBIO()
    context = ssl.create_default_context()
    client = context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost")
    with contextlib.suppress(ssl.SSLWantReadError):
        client.do_handshake()
    flight = hello.read()
    with with_tls() as relay:
        relay.http.verify = Files.root
        started = time.monotonic()
        crowd = []
        for number in range(HALF_OPEN):
            stream = socket.create_connection((relay.host, relay.port), timeout=WAIT)
            stream.sendall(flight if number % 2 else flight[:100])
            crowd.append(stream)
        slowest = 0.0
        while time.monotonic() < started + 2:
            asked = time.monotonic()
            with connect(relay) as stream:
                holds(b"200 OK" in ask(stream), "an answer")
            slowest = max(slowest, time.monotonic() - asked)
        # Who is held up waits for the ten seconds of the others.
        holds(slowest < 5 or relay.instrumented(), f"a call took {slowest:.3f} s")
        for stream in crowd:
            stream.settimeout(max(1, started + 3 * WAIT - time.monotonic()))
            with contextlib.suppress(ConnectionResetError):
                while stream.recv(65536):
                    pass
            stream.close()
        holds(time.monotonic() - started > 8, "they had their time")
        with connect(relay) as stream:
            holds(b"200 OK" in ask(stream), "an answer at the end")


# -- the command line --------------------------------------------------------------------------


def refused(result, *parts, code=3):
    equal(result.code, code, f"exit status ({result})")
    equal(result.out, "", "standard output")
    for part in parts:
        holds(part in result.err, f"{part!r} is not in {result.err!r}")


class Listener:
    """A server of Python's ssl that keeps what it reads; for what a relay of ours cannot be."""

    def __init__(self, context):
        self.context, self.heard, self.finished = context, b"", 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{self.socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                raw, _ = self.socket.accept()
                raw.settimeout(WAIT)
                with self.context.wrap_socket(raw, server_side=True) as stream:
                    self.finished += 1
                    while piece := stream.recv(4096):
                        self.heard += piece
            except ssl.SSLError:
                pass
            except OSError:
                if self.socket.fileno() < 0:
                    return

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def server_context(cert, key_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key_path)
    return context


@test(relay=False)
def every_verb_works_over_https():
    """Once through all of v1, known by an authority; then by a pin. No warning is given."""
    for env, by_pin in (({"SSL_CERT_FILE": Files.root}, False), ({}, True)):
        with with_tls(env={"CLAWLINK_TOKEN": TOKEN}) as relay, \
                Home(relay.url, CLAWLINK_TOKEN=TOKEN, **env) as home:
            more = ["--pin", relay.pin] if by_pin else []
            for words in (["register", "--name", "mira", *more],
                          ["register", "--name", "bob", "--as", "bob", *more],
                          ["discover"], ["heartbeat"], ["info"],
                          ["delegate", "--to", "bob", "--task", "t"],
                          ["broadcast", "--content", "c"], ["poll", "--as", "bob"],
                          ["respond", "--to", "mira", "--msg-id", "1", "--result", "r", "--as",
                           "bob"], ["poll"],
                          ["file-put", "--key", "k", "--file", Files.root],
                          ["file-get", "--key", "k"], ["file-list"]):
                with row(" ".join(words)):
                    result = home.run(*words)
                    equal(result.code, 0, str(result))
                    equal(result.err, "", "warnings")
            holds(TOKEN not in relay.stderr(), "the token is logged")


@test(relay=False)
def wss_means_https():
    with with_tls() as relay:
        with Home(relay.url.replace("https", "wss"), SSL_CERT_FILE=Files.root) as home:
            home.ok("info")


@test(relay=False)
def whoever_cannot_be_trusted_hears_no_token():
    """Expired, another name, self-signed, unknown issuer, another key: each says what is wrong,
    shows the pin, and the server gets no connection."""
    own_key = key("own")
    rows = [
        ("expired", certificate("expired", own_key, (Files.root, Files.root_key),
                                extra=["-days", "-1"]), "has expired", ()),
        ("another name", certificate("elsewhere", own_key, (Files.root, Files.root_key),
                                     names="DNS:elsewhere.example"), "for another name", ()),
        ("self-signed", certificate("alone", own_key), "self-signed", ()),
        ("unknown issuer", Files.relay, "vouches", ()),
        ("another key", Files.relay, "Wrong key", ("--pin", "sha256:" + "0" * 64)),
    ]
    for name, cert, told, more in rows:
        private = Files.relay_key if cert == Files.relay else own_key
        with row(name), Listener(server_context(cert, private)) as server:
            trusted = {} if name == "unknown issuer" else {"SSL_CERT_FILE": Files.root}
            with Home(server.url, CLAWLINK_TOKEN=TOKEN, **trusted) as home:
                refused(home.run("discover", *more), told, pin_of(cert))
            equal(server.finished, 0, "connections")
            equal(server.heard, b"", "heard")
    # The same authority and the right name: then the token goes.
    with Listener(server_context(Files.relay, Files.relay_key)) as server:
        with Home(server.url, CLAWLINK_TOKEN=TOKEN, SSL_CERT_FILE=Files.root) as home:
            process = home.start("discover")
            until(lambda: b"\r\n\r\n" in server.heard, "the call")
            process.kill()
        shown = [line for line in server.heard.split(b"\r\n") if TOKEN.encode() in line]
        equal(shown, [b"Authorization: Bearer " + TOKEN.encode()], "where the token is")


@test(relay=False)
def a_pin_is_needed_where_no_authority_vouches_and_is_told():
    with Relay("--tls-self-signed", "--tls-dir", path("own2")) as relay:
        with Home(relay.url) as home:
            refused(home.run("info"), "self-signed", f"--pin {relay.pin}")
            home.ok("info", "--pin", relay.pin)
            home.ok("info", "--pin", "sha256:" + base64.b64decode(relay.pin[7:]).hex())
            refused(home.run("info", "--pin", "sha256:x"), "is no pin", code=2)
            refused(home.run("info", "--pin", ""), "is no pin", code=2)
    with Home("http://localhost:1") as home:
        refused(home.run("info", "--pin", "sha256:" + "0" * 64), "https://", code=2)


@test(relay=False)
def an_old_server_is_refused():
    """TLS 1.1 only, and 1.2 with CBC only, at the server's side."""
    for words in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"],
                  ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"]):
        with row(" ".join(words)):
            with socket.create_server(("127.0.0.1", 0)) as free:
                port = free.getsockname()[1]
            server = subprocess.Popen(
                ["openssl", "s_server", "-accept", str(port), "-cert", Files.relay, "-key",
                 Files.relay_key, "-quiet", *words], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            try:
                def is_up():
                    with contextlib.suppress(OSError):
                        socket.create_connection(("127.0.0.1", port), timeout=1).close()
                        return True
                    return False
                until(is_up, "s_server")
                with Home(f"https://localhost:{port}", SSL_CERT_FILE=Files.root,
                          CLAWLINK_TOKEN=TOKEN) as home:
                    refused(home.run("info"), "Too old")
            finally:
                server.kill()
                equal(TOKEN.encode() in server.communicate()[0], False, "the token was heard")


@test(relay=False)
def what_speaks_no_tls_is_sent_nothing():
    with Relay() as relay, Home(relay.url.replace("http", "https"), CLAWLINK_TOKEN=TOKEN) as home:
        refused(home.run("info"), "does not speak TLS", "nothing was sent")


@test(relay=False)
def plain_http_to_a_port_of_tls_is_told_the_url_to_use():
    with with_tls() as relay, Home(relay.url.replace("https", "http")) as home:
        told = ("Not http: https is spoken on", f"https://{relay.host}:{relay.port}", "--pin")
        large = home.file("large", "x" * 900_000)
        os.makedirs(home.file(".clawlink"))
        home.file(".clawlink/agent_state.json", '{"agent_id": "me"}')
        for words in (["discover"], ["register"], ["info", "--token", TOKEN],
                      ["file-put", "--key", "k", "--file", large]):
            with row(words[0]):
                result = home.run(*words)
                refused(result, *told)
                holds("unencrypted" not in result.err, f"loopback is no network: {result.err}")
        result = home.run("info", "--json")
        equal(json.loads(result.err)["code"], "untrusted_relay", "code")


@test(relay=False)
def a_changed_key_is_refused_until_the_new_pin_is_given():
    chosen, private = path("rolled.pem"), path("rolled.key")

    def choose(cert, key_path):
        shutil.copy(cert, chosen)
        shutil.copy(key_path, private)
        os.chmod(private, 0o600)

    choose(Files.relay, Files.relay_key)
    with with_tls(cert=chosen, private=private) as relay:
        with Home(None) as home:
            home.ok("register", "--name", "mira", "--relay", relay.url, "--pin", relay.pin)
            with open(home.file(".clawlink/agent_state.json"), encoding="utf-8") as saved:
                equal(json.load(saved)["relay_pin"], relay.pin, "saved pin")
            home.ok("discover")
            choose(Files.other, Files.other_key)
            relay.signal(signal.SIGHUP)
            new = pin_of(Files.other)
            until(lambda: shown_pin(relay) == new, "the new key")
            told = ("HAS CHANGED", relay.pin, new, f"register --pin {new}")
            refused(home.run("discover"), *told)
            refused(home.run("discover", "--relay", relay.url.replace("https", "wss")), *told)
            refused(home.run("discover"), *told)  # to be refused changes nothing
            home.ok("discover", "--pin", new)
            refused(home.run("discover"), *told)  # to look is not to remember
            home.ok("register", "--pin", f"{new},{relay.pin}")
            home.ok("discover")


@test(relay=False)
def plain_http_beyond_this_machine_warns_once():
    """The host of the URL decides; here it is this machine's own address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent; it chooses our address
        address = probe.getsockname()[0]
    if address.startswith("127."):
        print("SKIP plain_http_beyond_this_machine_warns_once: no address but loopback")
        return
    with Relay("--host", address, "--allow-plain", "--no-auth") as relay, Home(relay.url) as home:
        result = home.ok("register", "--name", "mira")
        equal(result.err.count("not encrypted"), 1, "warnings")
        result = home.ok("info", "--json")
        equal(len(result.json()), 1, "lines on standard output")
        equal([list(json.loads(line)) for line in result.err.splitlines()], [["note"]], "notes")
    with Relay() as relay, Home(relay.url) as home:
        equal(home.ok("info").err, "", "warnings at loopback")


if __name__ == "__main__":
    try:
        Files.make()
        main()
    finally:
        shutil.rmtree(FOLDER)
