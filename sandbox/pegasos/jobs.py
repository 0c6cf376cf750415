"""From a block's bytes to a job: which request it is, and who does its work."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sandbox.pegasos.booking import prepare_booking, prepare_cancel, prepare_move
from sandbox.pegasos.directory import prepare_directory
from sandbox.pegasos.messages import Header, Names, read_request
from sandbox.pegasos.people import prepare_look_up, prepare_registration
from sandbox.pegasos.refusals import Refusal
from sandbox.pegasos.schedule_query import prepare_schedule_query
from sandbox.pegasos.work import HONEST, Conduct, Done, Job, Office, Prepare

_PREPARE: Final[Mapping[tuple[str, str], Prepare]] = {
    ("SRM", "S01"): prepare_booking,
    ("SRM", "S02"): prepare_move,
    ("SRM", "S04"): prepare_cancel,
    ("SQM", "S25"): prepare_schedule_query,
    ("QRY", "A19"): prepare_look_up,
    ("ADT", "A28"): prepare_registration,
    ("MFQ", "M01"): prepare_directory,
}


@dataclass(frozen=True, slots=True)
class Received:
    """A message that was received: what is known of it, and its job.

    One that is refused as it stands has the `refusal`, and a job that does just that.
    """

    header: Header
    job: Job
    refusal: Refusal | None = None

    def work(self, conduct: Conduct = HONEST) -> Done | Refusal:
        """Do the job, once. Whatever it changed is on the disk when this returns; a refusal changed nothing."""
        try:
            return self.job.run(conduct)
        except Refusal as refusal:
            return refusal
        except sqlite3.Error:
            # The store could not commit (disk full, file damaged): the engine has changed nothing then.
            return Refusal("X03")


def receive(office: Office, names: Names, raw: bytes) -> Received:
    """Return what a block that can be answered asks for. Never raises for what the block holds."""
    header = Header()
    try:
        request = read_request(raw, names, header)
        job = _PREPARE[header.type, header.event](office, request)
    except Refusal as refusal:
        return Received(header, _refusing(refusal), refusal)
    return Received(header, job)


def _refusing(refusal: Refusal) -> Job:
    def run(conduct: Conduct) -> Done:
        raise refusal

    return Job("", None, run)
