# SPDX-License-Identifier: MIT
"""libclawlink by ctypes: where it is, and what of clawlink/client.h is used here.

Functions that return at once are called without giving up the interpreter's lock (PyDLL): to give
it up and take it back costs more than such a call, and with a second thread that wants it, up to a
switch interval. The library never calls back into Python, so nobody waits for anybody in a ring.
Those that block, or that work for long, give it up (CDLL).
"""
import ctypes
import ctypes.util
import glob
import os
import subprocess
import sys
import threading

from ._errors import LibraryError

SONAME = "libclawlink.so.0"
NAMES = (SONAME, "libclawlink.so", "libclawlink.0.dylib", "libclawlink.dylib")
OLDEST = (0, 1, 0)

OK = 0
ERR_USAGE, ERR_NOT_FOUND, ERR_TIMEOUT, ERR_FULL, ERR_IO, ERR_CLOSED = 3, 6, 10, 30, 34, 35
EVENT_UP, EVENT_DOWN, EVENT_ENDED, EVENT_MESSAGE, EVENT_SENT, EVENT_RECEIPT = range(1, 7)
EVENT_UNVERIFIED, EVENT_ATTACHED = 10, 12
RUNG_SEEN = 4
OUTCOME_FAILED = 2
RUNGS = (None, "accepted", "delivered", "injected", "seen", "in_progress")
OUTCOMES = (None, "completed", "failed", "rejected", "canceled", "expired", "dead")
TRUSTS = ("relay", "group", "tofu", "key")
ID_CAP, WHY_CAP = 23, 480
BODY_BYTES_MAX = 32768  # of claw_send

_SIZE, _TEXT, _U32, _I32 = ctypes.c_size_t, ctypes.c_char_p, ctypes.c_uint32, ctypes.c_int32
_U64, _I64, _CLIENT = ctypes.c_uint64, ctypes.c_int64, ctypes.c_void_p


class Options(ctypes.Structure):
    """struct claw_options"""
    _fields_ = [("size", _SIZE), ("url", _TEXT), ("token", _TEXT), ("group_secret", _TEXT),
                ("pins", _TEXT), ("instance", _TEXT), ("program", _TEXT),
                ("memory", ctypes.c_void_p), ("memory_user", ctypes.c_void_p),
                ("on_event", ctypes.c_void_p), ("event_user", ctypes.c_void_p),
                ("is_impatient", _U32), ("needs_signature", _U32), ("secret", _TEXT)]


class Agent(ctypes.Structure):
    """struct claw_agent"""
    _fields_ = [("size", _SIZE), ("agent", _TEXT), ("name", _TEXT), ("description", _TEXT),
                ("capabilities", ctypes.c_void_p), ("capabilities_len", _SIZE),
                ("metadata", _TEXT), ("receipts_after", _U64), ("has_receipts_after", _U32),
                ("is_quiet", _U32), ("is_guest", _U32)]


class Letter(ctypes.Structure):
    """struct claw_letter"""
    _fields_ = [("size", _SIZE), ("sender", _TEXT), ("to", _TEXT), ("body", _TEXT),
                ("body_len", _SIZE), ("content_type", _TEXT), ("re", _TEXT), ("thread", _TEXT),
                ("reply_to", _TEXT), ("priority", _U32), ("life_s", _U32), ("deadline_s", _U32),
                ("attempts", _U32), ("root", _TEXT), ("hops", _U32), ("rung", _U32),
                ("outcome", _U32), ("tag", _U64)]


class Report(ctypes.Structure):
    """struct claw_report"""
    _fields_ = [("size", _SIZE), ("agent", _TEXT), ("id", _TEXT), ("rung", _U32),
                ("outcome", _U32), ("proof", _U32), ("reason", _TEXT), ("tag", _U64)]


class Event(ctypes.Structure):
    """struct claw_event; `from` is `sender` here."""
    _fields_ = [("size", _SIZE), ("type", _U32), ("err", _I32), ("text", _TEXT), ("tag", _U64),
                ("agent", _TEXT), ("id", _TEXT), ("sender", _TEXT), ("to", _TEXT), ("re", _TEXT),
                ("thread", _TEXT), ("content_type", _TEXT), ("reply_to", _TEXT),
                ("body", ctypes.c_void_p), ("body_len", _SIZE), ("priority", _U32),
                ("attempts", _U32), ("trust", _U32), ("is_verified", _U32), ("made_ms", _I64),
                ("expires_ms", _I64), ("deadline_ms", _I64), ("accepted_ms", _I64),
                ("root", _TEXT), ("hops", _U32), ("has_blob", _U32), ("chain_count", _U64),
                ("blob_sha256", _TEXT), ("blob_type", _TEXT), ("blob_size", _U64), ("rung", _U32),
                ("outcome", _U32), ("durability", _U32), ("is_duplicate", _U32),
                ("has_recipients", _U32), ("pause_ms", _U32), ("recipients", _U64),
                ("cursor", _U64), ("steps", ctypes.c_void_p), ("steps_len", _SIZE),
                ("ended_ms", _I64), ("ended_by", _TEXT), ("reason", _TEXT), ("json", _TEXT),
                ("json_len", _SIZE), ("relay", _TEXT), ("epoch", _TEXT), ("body_bytes_max", _U64),
                ("blob_bytes_max", _U64)]


# What is called without giving up the interpreter's lock, and with; result, arguments.
_QUICK = {
    "claw_err_name": (_TEXT, [_I32]),
    "claw_err_may_retry": (_I32, [_I32]),
    "claw_options_init": (None, [ctypes.POINTER(Options), _SIZE]),
    "claw_agent_init": (None, [ctypes.POINTER(Agent), _SIZE]),
    "claw_letter_init": (None, [ctypes.POINTER(Letter), _SIZE]),
    "claw_report_init": (None, [ctypes.POINTER(Report), _SIZE]),
    "claw_why": (None, [_CLIENT, ctypes.c_char_p, _SIZE]),
    "claw_is_up": (_I32, [_CLIENT]),
    "claw_event_fd": (_I32, [_CLIENT]),
    "claw_next_event": (ctypes.c_void_p, [_CLIENT, _I32]),
    "claw_event_free": (None, [_CLIENT, ctypes.c_void_p]),
    "claw_waiting": (_U64, [_CLIENT]),
    "claw_attach": (_I32, [_CLIENT, ctypes.POINTER(Agent)]),
    "claw_send": (_I32, [_CLIENT, ctypes.POINTER(Letter), ctypes.c_char_p]),
    "claw_ack": (_I32, [_CLIENT, _TEXT, _TEXT, _U32, _U32]),
    "claw_refuse": (_I32, [_CLIENT, _TEXT, _TEXT, _TEXT]),
    "claw_report": (_I32, [_CLIENT, ctypes.POINTER(Report)]),
}
_SLOW = {
    "claw_new": (_I32, [ctypes.POINTER(Options), ctypes.POINTER(_CLIENT), ctypes.c_char_p,
                        _SIZE]),
    "claw_start": (_I32, [_CLIENT]),
    "claw_drain": (_I32, [_CLIENT, _I32]),
    "claw_free": (_I32, [_CLIENT]),
    "claw_send_large": (_I32, [_CLIENT, ctypes.POINTER(Letter), _I32, ctypes.c_char_p]),
    "claw_get_blob": (_I32, [_CLIENT, _TEXT, ctypes.c_char_p, _SIZE, _I32]),
}


class Library:
    """The functions, without their prefix: lib.send is claw_send."""

    def __init__(self, path):
        self.path = path
        try:
            quick, slow = ctypes.PyDLL(path), ctypes.CDLL(path)
        except OSError as error:
            raise LibraryError(f"{path} cannot be loaded: {error}") from None
        self._declare(quick, {"claw_version": (_TEXT, [])})
        self.version_text = self.version().decode()
        if version_of(self.version_text) < OLDEST:
            raise LibraryError(f"{path} is libclawlink {self.version_text}, which is too old: this "
                               f"package needs {version_text(OLDEST)}")
        self._declare(quick, _QUICK)
        self._declare(slow, _SLOW)

    def _declare(self, library, functions):
        for name, (result, arguments) in functions.items():
            try:
                function = library[name]
            except AttributeError:
                raise LibraryError(f"{self.path} is no libclawlink, or a broken one: it has no "
                                   f"{name}") from None
            function.restype, function.argtypes = result, arguments
            setattr(self, name[len("claw_"):], function)

    def name_of(self, err):
        return self.err_name(err).decode()

    def why_of(self, client):
        text = ctypes.create_string_buffer(WHY_CAP)
        self.why(client, text, WHY_CAP)
        return text.value.decode(errors="replace")


def version_text(version):
    return ".".join(map(str, version))


def version_of(text):
    """(0, 1, 0) of "0.1.0" and of "0.1.0-3-gabc"."""
    try:
        return tuple(int(part) for part in text.split("-")[0].split(".")[:3])
    except ValueError:
        return (0, 0, 0)


def _folders():
    """Beside this package, then those of the prefix that it was installed to."""
    here = os.path.dirname(os.path.abspath(__file__))
    yield here
    parts = here.split(os.sep)
    if "lib" in parts:
        lib = os.sep.join(parts[:len(parts) - parts[::-1].index("lib")])
        yield lib
        yield from sorted(glob.glob(glob.escape(lib) + "/*-linux-*"))
    yield os.path.join(sys.prefix, "lib")


def _of_pkg_config():
    try:
        done = subprocess.run(["pkg-config", "--variable=libdir", "clawlink"], check=False,
                              capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def _in(folder):
    for name in NAMES:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    return None


def find():
    """The path, or the name for the dynamic loader, of the library."""
    named = os.environ.get("CLAWLINK_LIBRARY")
    if named:
        path = _in(named) if os.path.isdir(named) else named
        if path is None or not os.path.exists(path):
            raise LibraryError(f"CLAWLINK_LIBRARY is {named}, and there is no libclawlink")
        return path
    for folder in _folders():
        path = _in(folder)
        if path:
            return path
    found = ctypes.util.find_library("clawlink")
    if found:
        return found
    folder = _of_pkg_config()
    path = _in(folder) if folder else None
    if path:
        return path
    raise LibraryError(
        f"{SONAME} is not on this machine: it is neither beside this package nor where the "
        "system looks for libraries. Install it (`make install` of ClawLink, then `ldconfig`), or "
        "say where it is: CLAWLINK_LIBRARY=/path/to/" + SONAME)


_lock = threading.Lock()
_loaded = None


def load():
    """The library, found and loaded once. Raises LibraryError."""
    global _loaded
    with _lock:
        if _loaded is None:
            _loaded = Library(find())
        return _loaded
