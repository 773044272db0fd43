# SPDX-License-Identifier: MIT
"""A claw_client, the thread that takes its events, and what lives and dies with them."""
import ctypes
import collections
import logging
import os
import queue
import select
import threading
import time
import weakref

from . import _library
from ._errors import AgentLinkError
from ._message import Message, text_of
from ._receipt import Awaited, Wakers

log = logging.getLogger("agent_link")

EVENTS_AT_ONCE = 256  # handled before those who wait are woken
SLICE_MS = 500  # so long a call of the library blocks before it is looked whether the link closes;
SLICE_MS_MAX = 60000  # twice as long each time, since some calls begin anew
DRAIN_MS = 5000  # so long closing waits for what was sent
DRAIN_DOWN_MS = 1000  # the same when a connection has failed or ended


class _Worker:
    """A thread that does one thing after the other, begun when there is something to do."""

    def __init__(self, name):
        self.name, self.jobs, self.thread, self.count = name, queue.SimpleQueue(), None, 0
        self.lock = threading.Lock()

    def do(self, job):
        with self.lock:
            self.count += 1
            self.jobs.put(job)
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self.thread.start()

    def _run(self):
        while True:
            job = self.jobs.get()
            if job is None:
                return
            try:
                job()
            except Exception:  # pylint: disable=broad-except
                log.exception("%s: a job failed", self.name)
            finally:
                with self.lock:
                    self.count -= 1

    def finish(self, seconds):
        """Waits that long for what there is to do. Nothing follows."""
        if self.thread is not None:
            self.jobs.put(None)
            self.thread.join(seconds)

    def join(self):
        if self.thread is not None:
            self.thread.join()


def _slices():
    slice_ms = SLICE_MS
    while True:
        yield slice_ms
        slice_ms = min(2 * slice_ms, SLICE_MS_MAX)


class Client:
    """A claw_client, and all that lives and dies with it."""

    def __init__(self, lib, link):
        self.lib, self.link = lib, link
        self.handle = ctypes.c_void_p()
        self.lock = threading.Lock()  # held for calls that return at once, against the end
        self.letter, self.id = _library.Letter(), ctypes.create_string_buffer(_library.ID_CAP)
        self.report = _library.Report()
        self.pending, self.tag = {}, 0  # tag -> receipt, until the relay has answered
        self.receipts = weakref.WeakValueDictionary()  # id -> receipt, while somebody has it
        self.inbox = collections.deque()
        self.news = Awaited()  # changes when one of these does:
        self.is_up, self.is_down = False, False  # at first it is neither
        self.was_up, self.was_there, self.error = False, False, None
        self.is_quiet, self.is_closing = None, False
        self.users, self.unused = 0, threading.Event()  # calls of this program's that block
        self.wake_read, self.wake_write = -1, -1
        self.pump = None
        self.sender, self.fetcher = _Worker("agent_link send"), _Worker("agent_link fetch")

    # -- beginning and end ----------------------------------------------------------------------

    def start(self, settings, is_quiet):
        lib, options = self.lib, _library.Options()
        lib.options_init(options, ctypes.sizeof(options))
        options.url = settings["relay_url"].encode()
        secret = "group_secret" if settings.get("group") else "secret"
        for field, name in ((secret, "secret"), ("token", "relay_token"), ("pins", "pins")):
            if settings.get(name):
                setattr(options, field, settings[name].encode())
        options.instance = settings["instance_id"].encode()
        options.program = b"agent_link"
        options.needs_signature = bool(settings.get("needs_signature"))
        why = ctypes.create_string_buffer(_library.WHY_CAP)
        err = lib.new(options, self.handle, why, _library.WHY_CAP)
        if err:
            raise AgentLinkError(why.value.decode(errors="replace"), lib.name_of(err))
        try:
            lib.letter_init(self.letter, ctypes.sizeof(self.letter))
            self.letter.sender = settings["agent_id"].encode()
            lib.report_init(self.report, ctypes.sizeof(self.report))
            self.attach(settings["agent_id"], is_quiet)
            self.checked(lib.start(self.handle))
            self.wake_read, self.wake_write = os.pipe()
            self.pump = threading.Thread(target=self._pump, name="agent_link", daemon=True)
            self.pump.start()
        except BaseException:
            self.free()
            raise

    def checked(self, err):
        if err:
            raise AgentLinkError(self.lib.why_of(self.handle), self.lib.name_of(err))

    def attach(self, agent, is_quiet):
        """Quiet: it sends and hears receipts. What is for the agent stays in its inbox, or goes to
        another process that has it."""
        if self.is_quiet == is_quiet:
            return
        record = _library.Agent()
        self.lib.agent_init(record, ctypes.sizeof(record))
        record.agent, record.is_quiet = agent.encode(), is_quiet
        self.checked(self.lib.attach(self.handle, record))
        self.is_quiet = is_quiet

    def stop(self):
        """Waits for what was sent, then ends everything. Not in the pump."""
        patience_ms = DRAIN_DOWN_MS if self.is_down else DRAIN_MS
        self.sender.finish(patience_ms / 1000)
        with self.lock:
            self.is_closing = True  # workers and calls that block give up
            is_used = self.users > 0
        self.fetcher.finish(None)
        self.sender.join()
        if is_used:
            self.unused.wait()
        if self.error is None:
            self.lib.drain(self.handle, patience_ms)
        os.write(self.wake_write, b"x")
        self.pump.join()
        self._take_all()  # what drain has brought
        if self.pending:
            log.warning("closed before the relay had accepted %d messages", len(self.pending))
        self.fail("the link was closed before the relay had answered", "closed")
        self.free()

    def enter(self):
        """A call begins that blocks; False: the link closes. Then leave() follows."""
        with self.lock:
            if self.handle is None or self.is_closing:
                return False
            self.users += 1
            return True

    def leave(self):
        with self.lock:
            self.users -= 1
            if self.users == 0 and self.is_closing:
                self.unused.set()

    def free(self):
        with self.lock:
            handle, self.handle = self.handle, None
        self.lib.free(handle)
        for end in (self.wake_read, self.wake_write):
            if end >= 0:
                os.close(end)
        self.wake_read = self.wake_write = -1

    def fail(self, text, name):
        """Nothing more will be told of what is pending."""
        wakers = Wakers()
        with self.lock:
            pending, self.pending = self.pending, {}
        for receipt in pending.values():
            receipt.error, receipt.reason, receipt._done = name, text, True
            receipt._changed(wakers)
        wakers.flush()

    # -- events, in the pump --------------------------------------------------------------------

    def _pump(self):
        poll = select.poll()
        poll.register(self.lib.event_fd(self.handle), select.POLLIN)
        poll.register(self.wake_read, select.POLLIN)
        idle = 0
        while True:
            ready = poll.poll()
            if any(fd == self.wake_read for fd, _ in ready):
                return
            try:
                idle = 0 if self._take_all() else idle + 1
            except Exception:  # pylint: disable=broad-except
                log.exception("an event could not be handled")
            if idle > 3:  # a broken client gives no events, and its descriptor may stay readable
                time.sleep(min(1, idle / 100))

    def _take_all(self):
        """Handles the events that there are; False: there was none."""
        took_any, wakers = False, Wakers()
        take, free, handle = self.lib.next_event, self.lib.event_free, self.handle
        of = {_library.EVENT_SENT: self._sent, _library.EVENT_RECEIPT: self._receipt,
              _library.EVENT_MESSAGE: self._message}
        is_more = True
        while is_more:
            has_messages = False
            for _ in range(EVENTS_AT_ONCE):
                address = take(handle, 0)
                if not address:
                    is_more = False
                    break
                took_any = True
                event = _library.Event.from_address(address)
                kind = event.type
                try:
                    of.get(kind, self._other)(event, wakers)
                finally:
                    free(handle, address)
                has_messages = has_messages or kind == _library.EVENT_MESSAGE
            wakers.flush()
            if has_messages:
                self.link._call_home()
        return took_any

    def _sent(self, event, wakers):
        receipt = self.pending.pop(event.tag, None)
        if receipt is None:
            with self.lock:  # the send may be about to note it
                receipt = self.pending.pop(event.tag, None)
            if receipt is None:
                return
        if event.err:
            self._refused(receipt, event)
        else:
            receipt.to = event.to.decode() or receipt.to
            receipt.rung = receipt.rung or _library.RUNGS[event.rung or 1]
            if event.has_recipients:
                receipt.recipients = event.recipients
            if receipt.id is None:  # the call that sends it has not returned yet
                receipt.id, self.receipts[event.id] = event.id.decode(), receipt
        receipt._done = True
        receipt._changed(wakers)

    def _refused(self, receipt, event):
        receipt.error = self.lib.name_of(event.err)
        receipt.reason = event.text.decode(errors="replace")
        log.warning("the message to %s was not accepted: %s", receipt.to, receipt.reason)

    def _receipt(self, event, wakers):
        receipt = self.receipts.get(event.id)
        if receipt is None:
            return
        if event.rung < len(_library.RUNGS):
            receipt.rung = _library.RUNGS[event.rung] or receipt.rung
        if event.outcome:
            receipt.reason = event.reason.decode(errors="replace") or None
            receipt.outcome = (_library.OUTCOMES[event.outcome]
                               if event.outcome < len(_library.OUTCOMES) else "failed")
            if not receipt:
                log.warning("the message to %s ended as %s%s", receipt.to, receipt.outcome,
                            f": {receipt.reason}" if receipt.reason else "")
        receipt._changed(wakers)

    def _message(self, event, _wakers):
        kind = (event.blob_type if event.has_blob else event.content_type).decode()
        text, blob = "", None
        if event.has_blob:
            blob = (event.blob_sha256, event.blob_size)
        elif event.body_len:
            text = text_of(ctypes.string_at(event.body, event.body_len), kind)
        message = Message(event.sender.decode(), event.agent.decode(), text,
                          event.accepted_ms or event.made_ms, _library.TRUSTS[event.trust]
                          if event.trust < len(_library.TRUSTS) else "relay")
        message.id, message.verified = event.id.decode(), bool(event.is_verified)
        message.content_type, message._blob = kind, blob
        self.inbox.append(message)

    def _other(self, event, wakers):
        text = event.text.decode(errors="replace")
        if event.type == _library.EVENT_UP:
            log.info("connected to %s", event.relay.decode(errors="replace"))
            self.is_up, self.is_down, self.was_up = True, False, True
        elif event.type == _library.EVENT_ATTACHED:
            self.was_there = True
            self.news._changed(wakers)
        elif event.type == _library.EVENT_DOWN:
            log.warning("no connection: %s; the next try is in %.1f s", text,
                        event.pause_ms / 1000)
            self.is_up, self.is_down = False, True
            self.link._is_down(text, self.lib.name_of(event.err))
        elif event.type == _library.EVENT_ENDED:
            self.error = AgentLinkError(text, self.lib.name_of(event.err))
            log.error("the connection ended for good: %s", text)
            self.is_up, self.is_down = False, True
            self.fail(text, self.error.name)
            self.news._changed(wakers)
            self.link._is_ended(self.error)
        elif event.type == _library.EVENT_UNVERIFIED and not event.sender:
            log.warning("refused a message that cannot be read: %s", text)
        elif event.type == _library.EVENT_UNVERIFIED:
            log.warning("refused a message from %s, which is not signed as it should be: %s",
                        event.sender.decode(), text)

    # -- sending --------------------------------------------------------------------------------

    def send(self, to, body, receipt):
        """Gives it to the library; 0 or the error. No lock is held when it returns."""
        with self.lock:
            if self.handle is None or self.is_closing:
                return _library.ERR_CLOSED
            self.tag += 1
            letter = self.letter
            letter.to, letter.body, letter.body_len, letter.tag = to, body, len(body), self.tag
            err = self.lib.send(self.handle, letter, self.id)
            if not err:
                name = self.id.value
                receipt.id = name.decode()
                self.receipts[name] = self.pending[self.tag] = receipt  # in this order for the pump
            return err

    def send_large(self, to, body, receipt):
        """The same for any size; blocks until it is stored and given to the library."""
        letter = _library.Letter()
        own_id = ctypes.create_string_buffer(_library.ID_CAP)
        if not self.enter():
            return _library.ERR_CLOSED
        try:
            with self.lock:
                self.tag += 1
                letter.tag = self.tag
                letter.size, letter.sender = self.letter.size, self.letter.sender
                letter.priority = self.letter.priority
                self.pending[letter.tag] = receipt
            letter.to, letter.body, letter.body_len = to, body, len(body)
            for slice_ms in _slices():
                err = self.lib.send_large(self.handle, letter, slice_ms, own_id)
                if err != _library.ERR_TIMEOUT or self.is_closing or self.error is not None:
                    break
        finally:
            self.leave()
        if err:
            self.pending.pop(letter.tag, None)
        else:
            receipt.id = own_id.value.decode()
            self.receipts[own_id.value] = receipt
        return err

    def wait_for_room(self):
        """After ERR_FULL. False: the link closes."""
        if not self.enter():
            return False
        try:
            self.lib.drain(self.handle, SLICE_MS)
        finally:
            self.leave()
        return True

    def refuse_to_send(self, receipt, err):
        """The library did not take it."""
        if receipt.done:  # all were refused when the connection ended
            return
        with self.lock:
            receipt.reason = "the link is closed" if (
                self.handle is None or err == _library.ERR_CLOSED) else self.lib.why_of(self.handle)
        receipt.error = self.lib.name_of(err)
        log.warning("the message to %s was not sent: %s", receipt.to, receipt.reason)
        receipt._finish()

    # -- receiving ------------------------------------------------------------------------------

    def settle(self, message, failed):
        """The handlers have returned; failed: what one of them raised."""
        agent, name = message.to_agent.encode(), message.id.encode()
        with self.lock:
            if self.handle is None:
                return
            self.lib.ack(self.handle, agent, name, _library.RUNG_SEEN, 0)
            if failed is not None:
                report = self.report
                report.agent, report.id = agent, name
                report.rung, report.outcome = _library.RUNG_SEEN, _library.OUTCOME_FAILED
                report.reason = f"its handler raised {type(failed).__name__}"[:256].encode()
                self.lib.report(self.handle, report)

    def fetch(self, message):
        """The content of a message that came as a blob; False: there is none."""
        sha256, size = message._blob
        content = ctypes.create_string_buffer(size)
        for slice_ms in _slices():
            if self.is_closing or self.error is not None:
                return False
            err = self.lib.get_blob(self.handle, sha256, content, size, slice_ms)
            if err in (_library.ERR_TIMEOUT, _library.ERR_CLOSED):
                continue
            if not self.lib.err_may_retry(err):
                break
            time.sleep(SLICE_MS / 1000)  # full, or busy: it said so at once
        if err:
            why = self.lib.why_of(self.handle)
            log.error("the content of a message from %s could not be fetched: %s",
                      message.from_agent, why)
            with self.lock:
                self.lib.refuse(self.handle, message.to_agent.encode(), message.id.encode(),
                                b"its content could not be fetched")
            return False
        message.message = text_of(content.raw[:size], message.content_type)
        message._blob = None
        return True
