"""Adapters that keep their exchanges badly, or say in their profile what is not so, and the tests that must notice."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from adapters.base import Capability, Done, Installation, Profile
from adapters.call import Call, NoRecorder
from adapters.contract import Fault
from adapters.contract.example import MemorySubject
from adapters.memory import MemoryAdapter, Rules, Wire
from canonical.commands import Command
from tests.adapters.contract.broken import EXACTLY, Broken, caught, under


class SendsFirst(MemoryAdapter):
    """Keeps what it sent only when it has been sent."""

    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        part = await super()._exchange(replace(call, recorder=NoRecorder()), operation, raw)
        exchange = await call.recorder.sending(call, operation, raw)
        call.recorder.received(exchange, part, outcome="answered")
        return part


class DoesNotWait(MemoryAdapter):
    """Hands the bytes to the recorder and sends, without waiting for it to have them."""

    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        kept = asyncio.ensure_future(call.recorder.sending(call, operation, raw))
        part = await super()._exchange(replace(call, recorder=NoRecorder()), operation, raw)
        call.recorder.received(await kept, part, outcome="answered")
        return part


class KeepsNoReplies(MemoryAdapter):
    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        await call.recorder.sending(call, operation, raw)
        return await super()._exchange(replace(call, recorder=NoRecorder()), operation, raw)


class InventsReplies(MemoryAdapter):
    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        exchange, part = await call.recorder.sending(call, operation, raw), b"(none)"
        try:
            part = await super()._exchange(replace(call, recorder=NoRecorder()), operation, raw)
        finally:
            call.recorder.received(exchange, part, outcome="over")
        return part


class NamesPersons(MemoryAdapter):
    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        return await super()._exchange(call, f"{operation} {next(self.master.patients()).hetu}", raw)


class KeepsSummaries(MemoryAdapter):
    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        exchange = await call.recorder.sending(call, operation, b"(a request)")
        part = await super()._exchange(replace(call, recorder=NoRecorder()), operation, raw)
        call.recorder.received(exchange, part, outcome="answered")
        return part


class ForgetsTheCall(MemoryAdapter):
    async def _exchange(self, call: Call, operation: str, raw: bytes) -> bytes:
        return await super()._exchange(Call("req_other", call.limit, call.recorder), operation, raw)


class Lying(MemoryAdapter):
    """Its profile says something else than its installation can do."""

    claims: frozenset[Capability] = frozenset()
    denies: frozenset[Capability] = frozenset()

    def __init__(self, installation: Installation, wire: Wire, *, quiescence: float = 0.2, limit: float = 10.0) -> None:
        super().__init__(installation, wire, quiescence=quiescence, limit=limit)
        self._honest = self.profile
        capabilities = (self._honest.capabilities | self.claims) - self.denies
        gaps = {c: "it is said to be missing" for c in Capability if c not in capabilities}
        self.profile = replace(self._honest, capabilities=capabilities, gaps=gaps)

    def _check(self, command: Command) -> None:
        said, self.profile = self.profile, self._honest
        try:
            super()._check(command)
        finally:
            self.profile = said


def boaster(capability: Capability, rules: Rules) -> Broken:
    """An adapter that claims a ``capability`` although its ``rules`` lack it."""

    class Boasting(Lying):
        claims = frozenset({capability})

    return Broken(
        lambda: MemorySubject(rules, kind=Boasting),
        caught(EXACTLY, says="is claimed, but it is not there", capability=capability),
        name=f"Boasts-{capability}",
    )


def denier(capability: Capability) -> Broken:
    """An adapter that declares a ``capability`` missing although it is there."""

    class Denying(Lying):
        denies = frozenset({capability})

    return Broken(
        lambda: MemorySubject(kind=Denying),
        caught(EXACTLY, says="is declared missing, but it is there", capability=capability),
        name=f"Denies-{capability}",
    )


_LACKING = {
    Capability.CANCEL: Rules(cancels=False),
    Capability.REGISTER_PERSON: Rules(registers=False),
    Capability.DEDUPLICATES: Rules(deduplicates=False),
    Capability.CHECKS_VERSION: Rules(versions=False),
    Capability.CHECKS_START: Rules(starts=False),
    Capability.RESTRICTION_PARENT: Rules(restrictions=False),
    Capability.COMMENT: Rules(comments=False),
}


class Profiled(MemoryAdapter):
    """Its profile is not one."""

    def __init__(self, installation: Installation, wire: Wire, *, quiescence: float = 0.2, limit: float = 10.0) -> None:
        super().__init__(installation, wire, quiescence=quiescence, limit=limit)
        self.profile = self.said(self.profile)

    def said(self, profile: Profile) -> Profile:
        return replace(profile, capabilities=profile.capabilities - {Capability.COMMENT}, text_limit=0)


class HurriesTheLook(Profiled):
    """Thinks that nobody works after hanging up."""

    def said(self, profile: Profile) -> Profile:
        return replace(profile, quiescence=0.0)


class SilentOfItsWay(MemoryAdapter):
    async def perform(self, call: Call, command: Command) -> Done:
        return await super().perform(replace(call, reached=lambda _: None), command)


KEEPING = [
    Broken(SendsFirst, caught("nothing_leaves_before_it_is_kept", says="that was not kept")),
    Broken(DoesNotWait, caught("nothing_leaves_before_it_is_kept", says="that was not kept")),
    Broken(
        KeepsNoReplies,
        caught("every_exchange_has_a_name_and_one_end", says="0 times received"),
        under(Fault.DUPLICATE, says="without its one received()"),
    ),
    Broken(
        InventsReplies,
        *(caught("lost_answer_is_kept_as_lost", fault=fault) for fault in (Fault.DROP_ANSWER, Fault.HALF_OPEN)),
    ),
    Broken(NamesPersons, caught("every_exchange_has_a_name_and_one_end")),
    Broken(
        KeepsSummaries,
        caught("what_was_kept_is_what_left", says="were not kept"),
    ),
    Broken(ForgetsTheCall, caught("exchange_belongs_to_its_call")),
    Broken(SilentOfItsWay, caught("points_are_passed_in_order")),
    Broken(
        Profiled,
        caught("every_capability_is_claimed_or_declared_missing"),
        caught("profile_has_its_times_and_sizes"),
    ),
    Broken(HurriesTheLook, under(Fault.WORK_LATE)),
    *(boaster(capability, rules) for capability, rules in _LACKING.items()),
    *(denier(capability) for capability in Capability),
]
