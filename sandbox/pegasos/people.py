"""QRY^A19 and ADT^A28: looking a person up and registering one (manual sections 7 and 8)."""

from __future__ import annotations

from sandbox.engine import errors
from sandbox.pegasos import answers
from sandbox.pegasos.messages import Request
from sandbox.pegasos.persons import find_patient, full_pid_segment, protection_segment, read_pid, read_who
from sandbox.pegasos.queries import asked
from sandbox.pegasos.refusals import Refusal, bad_structure, missing
from sandbox.pegasos.work import Conduct, Done, Job, Office


def prepare_look_up(office: Office, request: Request) -> Job:
    """Return the job of a QRY^A19."""
    qrd = request.the("QRD")
    ids = read_who(qrd)

    def run(conduct: Conduct) -> Done:
        for field, (given, expected) in zip((9, 10), zip(asked(request), ("DEM", "PID"), strict=True), strict=True):
            if given != expected:
                raise Refusal("M04", qrd.place(field))
        shown = office.shown(find_patient(office.system, ids), conduct)
        return Done(
            [
                answers.found(qrd.text(4), hits=1, given=1, remaining=0),
                answers.repeated(qrd),
                full_pid_segment(shown, office.facility),
                protection_segment(shown),
                "PV1||N",
            ]
        )

    return Job("person", office.hetu_of(ids), run)


def prepare_registration(office: Office, request: Request) -> Job:
    """Return the job of an ADT^A28. Only the HETU is used; the engine takes the rest from the population register."""
    pid = request.the("PID")
    if len(request.all("PID")) > 1:
        raise bad_structure("only one PID is taken", pid.place())
    ids = read_pid(pid)

    def run(conduct: Conduct) -> Done:
        if not ids.hetu:
            raise missing("PID", 3)
        try:
            office.system.register_patient(ids.hetu)
        except errors.UnknownPerson as err:
            raise Refusal("P02", ids.place) from err
        except errors.AlreadyCustomer as err:
            raise Refusal("P04", ids.place) from err
        return Done([])

    return Job("register", office.hetu_of(ids), run)
