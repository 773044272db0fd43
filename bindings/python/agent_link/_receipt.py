# SPDX-License-Identifier: MIT
"""Objects that can be waited for in both worlds: by a thread, and by `await`."""
import asyncio
import collections.abc
import threading
import time

from ._errors import SendError
from ._library import RUNGS


_waiting = threading.Lock()  # held for the lists of waiters alone


def after_fork():
    """In the child: who held the lock may not be there."""
    global _waiting
    _waiting = threading.Lock()


def is_in_loop():
    """This thread runs an asyncio loop at the moment, which must not be blocked."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class Wakers:
    """Collects who is to be woken, so that each loop is called once for all of its futures."""

    def __init__(self):
        self.loops = {}

    def wake(self, waiters):
        for waiter in waiters:
            if isinstance(waiter, asyncio.Future):
                self.loops.setdefault(waiter.get_loop(), []).append(waiter)
            else:
                waiter.set()

    def flush(self):
        if not self.loops:
            return
        loops, self.loops = self.loops, {}
        for loop, futures in loops.items():
            try:
                loop.call_soon_threadsafe(_resolve, futures)
            except RuntimeError:  # that loop is closed: nobody waits there
                pass


def _resolve(futures):
    for future in futures:
        if not future.done():
            future.set_result(None)


class Awaited(collections.abc.Coroutine):
    """Something that will be done. It is a coroutine, so it may be awaited, given to
    asyncio.create_task, gather and run; or not awaited at all. Awaiting gives the object itself,
    as does awaiting it again.

    Whoever changes it sets the fields, then takes the waiters; whoever waits adds itself, then
    looks at the fields. So no change is missed.
    """
    __slots__ = ("_done", "_waiters", "_steps", "_timeout", "__weakref__")

    def __init__(self, timeout=None):
        self._done, self._waiters, self._steps, self._timeout = False, None, None, timeout

    @property
    def done(self):
        """It is decided."""
        return self._done

    def _changed(self, wakers):
        if self._waiters is None:
            return
        with _waiting:
            waiters, self._waiters = self._waiters, None
        wakers.wake(waiters or ())

    def _finish(self):
        """Decided, by somebody who has no other wakers."""
        wakers = Wakers()
        self._done = True
        self._changed(wakers)
        wakers.flush()

    def _add(self, waiter):
        with _waiting:
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)

    def _remove(self, waiter):
        with _waiting:
            if self._waiters and waiter in self._waiters:
                self._waiters.remove(waiter)

    def _wait(self, test, timeout):
        """Blocks this thread until test() or for that long; gives test()."""
        end = None if timeout is None else time.monotonic() + timeout
        while not test():
            event = threading.Event()
            self._add(event)
            left = None if end is None else max(0, end - time.monotonic())
            if test() or not event.wait(left):
                self._remove(event)
                break
        return test()

    async def _until(self, test, timeout):
        loop = asyncio.get_running_loop()
        end = None if timeout is None else loop.time() + timeout
        while not test():
            future = loop.create_future()
            self._add(future)
            if test():
                break
            timer = end is not None and loop.call_at(end, _resolve, [future])
            try:
                await future
            finally:
                self._remove(future)
                if timer:
                    timer.cancel()
            if end is not None and loop.time() >= end:
                break
        return test()

    async def _await(self):
        if not self._done:
            await self._until(lambda: self._done, self._timeout)
            if not self._done:
                self._too_late()
        return self

    def _block(self):
        """What the call does where it may block."""
        if not self._wait(lambda: self._done, self._timeout):
            self._too_late()
        return self

    def _too_late(self):
        pass

    def __await__(self):
        return self._await().__await__()

    # A coroutine's own methods, for asyncio.Task.
    def send(self, value):
        if self._steps is None:
            self._steps = self._await()
        try:
            return self._steps.send(value)
        except BaseException:
            self._steps = None  # it may be awaited again
            raise

    def throw(self, *args):
        if self._steps is None:
            self._steps = self._await()
        try:
            return self._steps.throw(*args)
        except BaseException:
            self._steps = None
            raise

    def close(self):
        steps, self._steps = self._steps, None
        if steps is not None:
            steps.close()


class Receipt(Awaited):
    """What is known of a message that was sent. It changes as more becomes known.

    id: the message's name. to: its address; once accepted, the one that it became.
    status: "pending", "refused", or the highest rung ("accepted", "delivered", "seen", ...), or
        how it ended ("completed", "failed", "rejected", "canceled", "expired", "dead").
    rung, outcome: the two parts of that, None where there is none.
    error, reason: the stable name and the sentence of a refusal, or why it ended badly.
    True when it was accepted and did not end badly.
    """
    __slots__ = ("id", "to", "rung", "outcome", "error", "reason", "recipients", "_late")

    def __init__(self, to, timeout, late):
        super().__init__(timeout)
        self.id, self.to, self.rung, self.outcome = None, to, None, None
        self.error, self.reason, self.recipients, self._late = None, None, None, late

    @property
    def accepted(self):
        """The relay has it."""
        return self.rung is not None

    @property
    def delivered(self):
        """It is safe at the receiver's."""
        return RUNGS.index(self.rung) >= 2

    @property
    def status(self):
        if self.outcome:
            return self.outcome
        return self.rung or ("refused" if self._done else "pending")

    def __bool__(self):
        return self.rung is not None and self.outcome in (None, "completed")

    def __repr__(self):
        why = f", {self.reason}" if self.reason else ""
        return f"<Receipt {self.id} to {self.to}: {self.status}{why}>"

    def check(self):
        """Gives the receipt itself, or raises SendError where it is not True."""
        if not self:
            raise SendError(self.reason or f"the message to {self.to} is {self.status}",
                            self.error or ("ended" if self.outcome else "timeout"))
        return self

    def _is_at(self, rung):
        if rung not in RUNGS[1:]:
            raise ValueError(f"{rung!r} is no rung: {', '.join(RUNGS[1:])}")
        wanted = RUNGS.index(rung)
        return lambda: RUNGS.index(self.rung) >= wanted

    def wait(self, rung="accepted", timeout=None):
        """Blocks until it got that far; True if it did within so many seconds. In a handler this
        holds up the loop: use reached there."""
        is_at = self._is_at(rung)
        self._wait(lambda: is_at() or self._is_over(), timeout)
        return is_at()

    async def reached(self, rung="delivered", timeout=None):
        """The same for `await`."""
        is_at = self._is_at(rung)
        await self._until(lambda: is_at() or self._is_over(), timeout)
        return is_at()

    def _is_over(self):
        return self.outcome is not None or (self._done and self.rung is None)

    def _too_late(self):
        self._late(self)
