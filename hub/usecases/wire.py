"""The journal's way to the record systems (`hub.journal.ports.Net`), through the adapters."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

from adapters.base import Capability, Done
from adapters.call import Call
from adapters.errors import AlreadyRegistered, Refused, Unavailable, UnknownPatient
from canonical.commands import Book, Command, Hold, Move, RegisterPerson, Release
from canonical.model import LocalPatient, Record
from hub.journal.delivery import Journal
from hub.journal.ports import LaneTaken, NewCommand, Row, Terms
from hub.journal.states import State
from hub.usecases.persons import Persons
from hub.usecases.world import World


@dataclass(slots=True)
class Wire:
    """``journal`` is set once it is made (it needs this, and registering a person needs it)."""

    world: World
    persons: Persons
    journal: Journal | None = None

    def terms(self, installation: str) -> Terms:
        profile = self.world.adapters[installation].profile
        return Terms(quiescence=profile.quiescence, limit=profile.limit)

    async def perform(self, row: Row, command: Command) -> Done:
        adapter = self.world.adapters[row.new.installation]
        try:
            done = await adapter.perform(self._call(row), command)
        except UnknownPatient as error:
            if isinstance(command, RegisterPerson) or not self._can_register(row):
                raise
            # The number we kept is nobody's any more (merged, or the system was set up anew): ask again next time.
            await self.persons.forget_link(row.new.subject, row.new.installation)
            raise Unavailable(f"{error.detail}: the person is looked up anew at the next try") from error
        if isinstance(command, Hold) and done.hold is not None:
            # Kept before it is called done: who is told of a hold can use it. One that gets lost here ends by itself.
            new, holds = row.new, self.world.store.holds
            await holds.keep(new.subject, new.installation, command.time, done.hold, new.id)
        elif isinstance(command, Release):
            await self.world.store.holds.drop(row.new.subject, row.new.installation, command.time)
        return done

    async def look(self, row: Row) -> Record | None:
        adapter = self.world.adapters[row.new.installation]
        return await adapter.look(self._call(row), row.new.command)

    def prepared(self, new: NewCommand) -> Command | None:
        command = new.command
        if not isinstance(command, Book | Hold) or command.patient is not None:
            return command
        known = self.persons.known_link(new.subject, new.installation)
        return replace(command, patient=known) if known is not None else None

    def in_steps(self, new: NewCommand) -> bool:
        profile = self.world.adapters[new.installation].profile
        return isinstance(new.command, Move) and Capability.MOVE not in profile.capabilities

    async def prepare(self, row: Row) -> Command:
        """A booking or a hold needs to know who the person is there; one who is unknown there is registered first."""
        ready = self.prepared(row.new)
        if ready is not None:
            return ready
        command = row.new.command
        assert isinstance(command, Book | Hold), "nothing else needs anything"
        limit = self.terms(row.new.installation).limit
        known = await self.persons.link(row.new.subject, row.new.installation, row.new.request_id, limit)
        if known is None:
            known = await self.persons.ask(row.new.subject, row.new.installation, row.new.request_id, limit)
        if known is None:
            known = await self._register(row, command)
        return replace(command, patient=known)

    async def _register(self, row: Row, command: Book | Hold) -> LocalPatient:
        """Make the person a customer by a command of its own, journalled like any other."""
        if not self._can_register(row):
            raise UnknownPatient("not a customer, and this system cannot register one from outside")
        outcome = await self._deliver_registration(row, RegisterPerson(secrets.token_hex(16), command.person))
        if outcome is not None and outcome.state is State.REFUSED and not _known_already(outcome):
            code = outcome.problem.code if outcome.problem else "refused"
            if code == Refused.code or code == UnknownPatient.code:
                raise UnknownPatient(f"registering the person was refused ({code})")
            raise Unavailable(f"registering the person failed ({code})")
        limit = self.terms(row.new.installation).limit
        found = await self.persons.ask(row.new.subject, row.new.installation, row.new.request_id, limit)
        if found is None:
            raise Unavailable("the person's registration is being found out; the booking itself was not sent")
        return found

    async def _deliver_registration(self, row: Row, command: RegisterPerson) -> Row | None:
        assert self.journal is not None, "the composition root forgot the journal"
        new = NewCommand(
            id=command.placer_id,
            installation=row.new.installation,
            command=command,
            subject=row.new.subject,
            target=None,
            lane=f"register:{row.new.installation}:{row.new.subject}",
            deadline=row.new.deadline,
            request_id=row.new.request_id,
            client=row.new.client,
            resident=row.new.resident,
            parent=row.new.id,
        )
        accepted = await self.journal.accept(new, None)
        if isinstance(accepted, LaneTaken):
            raise Unavailable("the person is being registered at this moment; the booking was not sent")
        if not isinstance(accepted, Row):
            return None
        return await self.journal.deliver(accepted)

    def _can_register(self, row: Row) -> bool:
        return Capability.REGISTER_PERSON in self.world.adapters[row.new.installation].profile.capabilities

    def _call(self, row: Row) -> Call:
        return self.world.call(row.new.installation, row.new.request_id, command_id=row.new.id)


def _known_already(row: Row) -> bool:
    return row.problem is not None and row.problem.code == AlreadyRegistered.code
