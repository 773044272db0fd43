# SPDX-License-Identifier: MIT
"""AgentLink: one agent's place in the mesh.

Threads. libclawlink keeps the connection with a thread of its own. The pump, a Python thread, takes
its events: it changes receipts at once, and hands messages to the loop in which this link is at
home, where the handlers run: that of `await link.connect()`, or that of a background thread. So a
handler may block or wait for a receipt, and receipts still come.
"""
import asyncio
import atexit
import collections
import concurrent.futures
import inspect
import logging
import os
import threading
import weakref

from . import _config, _library
from ._client import Client
from ._errors import AgentLinkError, ConfigError
from ._receipt import Awaited, Receipt, after_fork, is_in_loop

log = logging.getLogger("agent_link")

MESSAGES_AT_ONCE = 64  # handled before the loop does something else

_links = weakref.WeakSet()  # those with a client


def _parameters(handler):
    """How many arguments a handler takes: 1 (a Message) or 2 (from_agent, message)."""
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return 1
    if any(p.kind == p.KEYWORD_ONLY and p.default is p.empty for p in parameters):
        raise TypeError("a handler is called with positional arguments only")
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = sum(p.default is p.empty for p in positional)
    takes_any = any(p.kind == p.VAR_POSITIONAL for p in parameters)
    if required > 2 or (not positional and not takes_any):
        raise TypeError("a handler takes one argument, a Message, or two: from_agent, message")
    return 2 if required == 2 else 1


class AgentLink:
    """An agent, `instance_id/agent_id`, and its connection to a relay, which comes back by itself.

        AgentLink(agent_id="otto")                     the rest from agent-link-config.json
        AgentLink(config_path="agent-link-config.json")
        AgentLink.from_config("agent-link-config.json")
        AgentLink(relay_url="ws://host:8765", secret="...", instance_id="mini", agent_id="otto")

    Where the file is looked for: _config.places. What is given goes before what the file says.
    relay_token: a relay's own token, for its own port, with or without a secret.
    pins: "sha256:...": the keys by which the relay is known, instead of by the authorities.
    group: the secret is a group's, whatever the relay says: all that is sent is signed, and what
        agents sent that could sign, and did not, is refused. Without it the relay says whether the
        secret is shared, and what is not signed is taken.
    needs_signature: group, and what the relay passes on from agents that cannot sign is refused.
    auto_reconnect: False lets connect() end when the connection breaks.
    reconnect_interval: read and not used: the pause doubles from 1 to 30 seconds, by chance.
    timeout: so many seconds send waits for the relay's word; None: without end.

    It connects when it has to: by connect(), run(), start(), or the first send.
    """

    def __init__(self, relay_url=None, secret=None, instance_id=None, agent_id=None, *,
                 config_path=None, relay_token=None, pins=None, group=False,
                 needs_signature=False, auto_reconnect=None, reconnect_interval=None,
                 timeout=30.0):
        self._settings = _config.settings(
            {"relay_url": relay_url, "secret": secret, "instance_id": instance_id,
             "agent_id": agent_id, "relay_token": relay_token, "pins": pins,
             "auto_reconnect": auto_reconnect, "reconnect_interval": reconnect_interval},
            config_path)
        self._settings["needs_signature"] = needs_signature
        self._settings["group"] = group or needs_signature
        if self._settings["group"] and not self._settings.get("secret"):
            raise ConfigError("AgentLink: group and needs_signature are for a secret, and none is "
                              "there")
        self.relay_url = self._settings["relay_url"]
        self.instance_id = self._settings["instance_id"]
        self.agent_id = self._settings["agent_id"]
        self.timeout = timeout
        self._handlers = []
        self._reset()

    @classmethod
    def from_config(cls, config_path=_config.FILE, **more):
        """From a file; more: as in the constructor, and before what the file says."""
        return cls(config_path=config_path, **more)

    def _reset(self):
        self._lock = threading.RLock()  # of beginning and end
        self._client, self._is_closed = None, False
        self._home, self._home_ended, self._is_called = None, None, False
        self._lanes, self._thread = {}, None
        self._tasks = {}  # task of a lane -> the message that it works on
        self._closing = None  # of the client that is being closed

    def __repr__(self):
        return f"<AgentLink {self.address} at {self.relay_url}>"

    @property
    def address(self):
        """instance_id/agent_id"""
        return f"{self.instance_id}/{self.agent_id}"

    @property
    def is_connected(self):
        client = self._client
        return client is not None and client.is_up

    # -- beginning ------------------------------------------------------------------------------

    def _start(self):
        """The client, begun if there is none."""
        client = self._client
        if client is not None:
            return client
        with self._lock:
            if self._client is None:
                if self._is_closed:
                    raise AgentLinkError("the link is closed; connect() opens it again", "closed")
                client = Client(_library.load(), self)
                client.start(self._settings, self._is_quiet())
                self._client = client
                _links.add(self)
            return self._client

    def _is_quiet(self):
        """Messages are wanted where there is a handler, and a loop to run it in."""
        return self._home is None or not self._handlers

    def _update_quiet(self):
        with self._lock:
            if self._client is not None and not self._client.is_closing:
                self._client.attach(self.agent_id, self._is_quiet())

    def _go_home(self):
        """Messages are handled in the running loop from now on. Gives the future that ends it."""
        with self._lock:
            if self._home is not None:
                raise AgentLinkError("the link is connected already", "usage")
            loop = asyncio.get_running_loop()
            self._is_closed = False
            self._home, self._home_ended = loop, loop.create_future()
            try:
                client = self._start()
                self._update_quiet()
            except BaseException:
                self._home = None
                raise
            if client.error is not None:
                self._home_ended.set_exception(client.error)
        self._call_home()
        return self._home_ended

    async def connect(self):
        """Connects, handles messages, and returns when the link is closed. Raises AgentLinkError
        where trying again cannot help, such as a wrong secret. Outages it waits out, unless
        auto_reconnect is False."""
        ended = self._go_home()
        try:
            await ended
        finally:
            await self._leave_home()

    async def _leave_home(self):
        closing = self.close()
        for task, message in list(self._tasks.items()):
            if message is not None:  # None: it has closed the link, and returns
                task.cancel()
        self._home = None
        self._lanes.clear()
        await asyncio.shield(asyncio.ensure_future(closing))

    def run(self):
        """The same for a plain script: until it is closed, or Ctrl-C."""
        try:
            asyncio.run(self.connect())
        except KeyboardInterrupt:
            pass

    def start(self):
        """Connects, and handles messages in a background thread with a loop of its own. Waits for
        the connection; raises AgentLinkError if there is none within `timeout`."""
        begun, failed, clients = Awaited(), [], []

        async def background():
            asyncio.get_running_loop().set_default_executor(concurrent.futures.ThreadPoolExecutor(
                thread_name_prefix="agent_link worker", initializer=_is_worker,
                initargs=(threading.current_thread(),)))
            ended = self._go_home()
            clients.append(self._client)  # which is gone again where it could not connect
            begun._finish()
            try:
                await ended
            finally:
                await self._leave_home()

        def main():
            try:
                asyncio.run(background())
            except AgentLinkError as error:
                failed.append(error)
            finally:
                begun._finish()

        thread = threading.Thread(target=main, name="agent_link loop", daemon=True)
        thread.start()
        begun._block()
        client = clients[0] if clients else None
        if client is None and failed:  # nothing has begun; what was there before goes on
            raise failed[0]
        self._thread = thread
        if client is not None:
            client.news._wait(lambda: client.was_there or client.error, self.timeout)
        self._raise_unless_up(client)
        return self

    def _raise_unless_up(self, client):
        error = client.error if client else None
        if error is None and (client is None or not client.was_there):
            error = AgentLinkError(f"no connection to {self.relay_url} within {self.timeout} s",
                                   "timeout")
        if error is not None:
            self.close()
            raise error

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    async def __aenter__(self):
        self._serving = asyncio.ensure_future(self.connect())
        client = None
        try:
            while client is None and not self._serving.done():
                await asyncio.sleep(0)
                client = self._client
            if client is not None:
                await client.news._until(lambda: client.was_there or client.error, self.timeout)
        except BaseException:  # cancelled
            self.close()
            raise
        if client is not None and client.was_there and client.error is None:
            return self
        self.close()
        await self._serving
        raise AgentLinkError(f"no connection to {self.relay_url} within {self.timeout} s",
                             "timeout")

    async def __aexit__(self, *_):
        self.close()
        await self._serving

    # -- the end --------------------------------------------------------------------------------

    def close(self):
        """Ends the connection, after up to 5 seconds for what was sent. Blocks, but in a running
        loop: there it may be awaited. connect() and run() return. May be called at any time."""
        with self._lock:
            self._is_closed = True
            client, self._client = self._client, None
            if client is not None:
                self._closing = Awaited()
            closing = self._closing
        self._end_home(None)
        if client is not None:
            self._begin_closing(client, closing)
        if closing is None:
            closing = Awaited()
            closing._finish()
        if is_in_loop():
            return closing
        closing._block()
        thread, self._thread = self._thread, None
        # One that ends waits for its loop's workers: those must not wait for it.
        if thread not in (None, threading.current_thread(), getattr(_worker, "of", None)):
            thread.join()
        return closing

    disconnect = close

    def _begin_closing(self, client, closing):
        def work():
            try:
                client.stop()
            finally:
                if self._client is None:
                    _links.discard(self)
                closing._finish()

        def begin():
            try:
                threading.Thread(target=work, daemon=True, name="agent_link close").start()
            except RuntimeError:  # Python 3.12 starts none when the interpreter ends
                work()
        if not is_in_loop() or asyncio.get_running_loop() is not self._home:
            begin()
            return
        # By a handler, perhaps: then its message is handled, and is acknowledged before the end.
        task = asyncio.current_task()
        if self._tasks.get(task) is not None:
            client.settle(self._tasks[task], None)
            self._tasks[task] = None
        self._home.call_soon(begin)

    def _end_home(self, error):
        home, ended = self._home, self._home_ended
        if home is None:
            return

        def end():
            if ended.done():
                return
            if error is None:
                ended.set_result(None)
            else:
                ended.set_exception(error)
        try:
            home.call_soon_threadsafe(end)
        except RuntimeError:  # the loop is closed
            pass

    def _is_down(self, text, name):
        if self._settings.get("auto_reconnect") is False:
            client = self._client
            was_up = client is not None and client.was_up
            self._end_home(None if was_up else AgentLinkError(text, name))

    def _is_ended(self, error):
        self._end_home(error)

    # -- sending --------------------------------------------------------------------------------

    def send(self, to_agent, message):
        """Sends text to an agent of this instance, or to "instance/agent". Gives a Receipt.

        Outside of a running loop it returns when the relay has accepted the message or refused it,
        after `timeout` at the latest. Inside of one it does not wait: the message goes out by
        itself, and `await link.send(...)` waits. A message that was not accepted is no exception:
        the receipt is False, says why, and a warning is logged; receipt.check() raises.
        """
        if not isinstance(to_agent, str) or not to_agent:
            raise TypeError("to_agent must be an address: \"agent\" or \"instance/agent\"")
        if not isinstance(message, str):
            raise TypeError("message must be a string")
        if "\0" in to_agent:
            raise ValueError("an address has no NUL")
        to = to_agent if "/" in to_agent or ":" in to_agent else f"{self.instance_id}/{to_agent}"
        body, address = message.encode(), to.encode()
        client = self._client or self._start()
        receipt = Receipt(to, self.timeout, self._is_late)
        if is_in_loop():
            if len(body) > _library.BODY_BYTES_MAX or client.sender.count:
                client.sender.do(lambda: self._send_now(client, address, body, receipt))
            else:
                err = client.send(address, body, receipt)
                if err:
                    client.refuse_to_send(receipt, err)
            return receipt
        self._send_now(client, address, body, receipt)
        return receipt._block()

    @staticmethod
    def _send_now(client, address, body, receipt):
        """Where it may block: of any size, and until there is room."""
        if len(body) > _library.BODY_BYTES_MAX:
            err = client.send_large(address, body, receipt)
        else:
            err = client.send(address, body, receipt)
            while err == _library.ERR_FULL and client.wait_for_room():
                err = client.send(address, body, receipt)
        if err:
            client.refuse_to_send(receipt, err)

    def _is_late(self, receipt):
        log.warning("the relay has not answered within %g s; the message to %s is sent when it can "
                    "be", self.timeout, receipt.to)

    # -- receiving ------------------------------------------------------------------------------

    def on_message(self, handler):
        """Calls handler(message) or handler(from_agent, message) for each message from now on; a
        decorator. It may be async. Several handlers are called in the order of their registration.

        They run in the loop of connect(), or of the background thread: a plain one holds that up
        while it works. Messages of one sender are handled one after the other, those of others
        meanwhile. When all handlers have returned the message is acknowledged as seen. One that
        raises is logged, the others are called all the same, and the sender is told that it failed.
        """
        self._handlers = self._handlers + [(handler, _parameters(handler) == 2)]
        self._update_quiet()
        return handler

    def _call_home(self):
        home, client = self._home, self._client
        if home is None or client is None or not client.inbox or self._is_called:
            return
        self._is_called = True
        try:
            home.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop is closed
            self._is_called = False

    def _deliver(self):
        """In the home loop."""
        self._is_called = False
        client = self._client
        if client is None or self._home is None:
            return
        inbox = client.inbox
        for _ in range(min(len(inbox), MESSAGES_AT_ONCE)):
            message = inbox.popleft()
            lane = self._lanes.get(message.from_agent)
            if lane is not None:
                lane.append(message)
                continue
            if message._blob is not None:
                self._open_lane(client, message, None)
                continue
            waits = self._handle(message)
            if waits.todo:
                self._open_lane(client, message, waits)
            else:
                client.settle(message, waits.failed)
            if self._client is not client:  # closed by a handler
                return
        if inbox and not self._is_called:
            self._is_called = True
            self._home.call_soon(self._deliver)

    def _open_lane(self, client, message, waits):
        """Messages of that sender queue up behind this one, which has begun if there are waits."""
        lane = self._lanes[message.from_agent] = collections.deque([message])
        task = self._home.create_task(self._run_lane(client, lane, waits))
        self._tasks[task] = message
        task.add_done_callback(lambda task: self._tasks.pop(task, None))

    async def _run_lane(self, client, lane, waits):
        task, sender = asyncio.current_task(), lane[0].from_agent
        try:
            while lane and (waits or self._client is client):
                message = lane.popleft()
                self._tasks[task] = message
                if message._blob is None or await self._fetched(client, message):
                    waits = waits or self._handle(message)
                    for handler, result in waits.todo:
                        try:
                            await result
                        except Exception as error:  # pylint: disable=broad-except
                            waits.fail(handler, message, error)
                        except asyncio.CancelledError as error:
                            if self._client is not client or _is_cancelled(task):
                                raise
                            waits.fail(handler, message, error)
                    client.settle(message, waits.failed)
                waits = None
        finally:
            if self._lanes.get(sender) is lane:
                del self._lanes[sender]
                client.inbox.extendleft(reversed(lane))  # none, unless this task was cancelled
                self._call_home()

    @staticmethod
    async def _fetched(client, message):
        """The content has come; False: it will not."""
        done, results = Awaited(), []

        def fetch():
            try:
                results.append(client.fetch(message))
            finally:
                done._finish()
        client.fetcher.do(fetch)
        await done
        return results == [True]

    def _handle(self, message):
        """Calls all handlers; gives what is still to be awaited."""
        waits = _Waits()
        for handler, takes_two in self._handlers:
            try:
                result = (handler(message.from_agent, message.message) if takes_two
                          else handler(message))
            except (Exception, asyncio.CancelledError) as error:  # pylint: disable=broad-except
                waits.fail(handler, message, error)
                continue
            if result is not None and inspect.isawaitable(result):
                waits.todo.append((handler, result))
        return waits


_worker = threading.local()


def _is_worker(thread):
    """The thread that calls this works for the loop of that one."""
    _worker.of = thread


def _is_cancelled(task):
    """It, and not just what it waits for. Before Python 3.11 nobody can tell."""
    return not hasattr(task, "cancelling") or task.cancelling() > 0


class _Waits:
    """What the handlers of one message left to be done."""
    __slots__ = ("todo", "failed")

    def __init__(self):
        self.todo, self.failed = [], None

    def fail(self, handler, message, error):
        self.failed = error
        log.error("the handler %s raised for a message from %s",
                  getattr(handler, "__qualname__", repr(handler)), message.from_agent,
                  exc_info=error)


def _close_all():
    for link in list(_links):
        link.close()


def _forget_all():
    """In the child of a fork: the clients are the parent's, and stay as they are."""
    for link in list(_links):
        link._reset()
    _links.clear()
    after_fork()


atexit.register(_close_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
