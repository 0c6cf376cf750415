"""Refusals of the control interface: one shape, and a text that ends with the next step."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sandbox.clock import ClockError
from sandbox.engine import errors
from sandbox.engine.store import StoreError
from sandbox.faults import FaultError
from sandbox.snapshots import UnknownSnapshot


class Refusal(Exception):
    """An answer other than success: status, stable code, text for a developer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


_ENGINE: dict[type[errors.EngineError], tuple[int, str, str]] = {
    errors.UnknownPerson: (404, "unknown-person", "Nobody in the population has this HETU. See GET /persons."),
    errors.UnknownPatient: (404, "unknown-patient", "No such patient. See GET /persons."),
    errors.UnknownCalendar: (404, "unknown-calendar", "No such calendar. See GET /installations/{name}/free-times."),
    errors.UnknownService: (404, "unknown-service", "No such service. See GET /installations/{name}/free-times."),
    errors.NotFound: (404, "unknown-appointment", "No such appointment. See GET /installations/{name}/bookings."),
    errors.SlotTaken: (
        409,
        "slot-taken",
        "The time is taken. Choose another one of GET /installations/{name}/free-times.",
    ),
    errors.NoSuchTime: (
        422,
        "no-such-time",
        "No calendar has this time, or it is past or not open yet. See GET /installations/{name}/free-times.",
    ),
}


def install_refusals(app: FastAPI) -> None:
    """Make every refusal of the sandbox answer in the one shape."""

    @app.exception_handler(Refusal)
    async def refused(_: Request, refusal: Refusal) -> JSONResponse:
        return _answer(refusal.status, refusal.code, refusal.message)

    @app.exception_handler(errors.EngineError)
    async def engine_refused(_: Request, error: errors.EngineError) -> JSONResponse:
        if isinstance(error, errors.NotCancellable):
            message = f"{error} Only booked, pending or proposed appointments can be changed."
            return _answer(409, "not-changeable", message)
        return _answer(*_ENGINE[type(error)])

    @app.exception_handler(FaultError)
    async def fault_refused(_: Request, error: FaultError) -> JSONResponse:
        return _answer(422, "bad-fault", f"{error} See GET /faults/kinds.")

    @app.exception_handler(UnknownSnapshot)
    async def snapshot_unknown(_: Request, error: UnknownSnapshot) -> JSONResponse:
        return _answer(404, "unknown-snapshot", f"{error} Save one: PUT /snapshots/{{name}}.")

    @app.exception_handler(StoreError)
    async def snapshot_damaged(_: Request, error: StoreError) -> JSONResponse:
        return _answer(422, "bad-snapshot", str(error))

    @app.exception_handler(ClockError)
    async def clock_refused(_: Request, error: ClockError) -> JSONResponse:
        return _answer(422, "bad-time", str(error))

    @app.exception_handler(HTTPException)
    async def not_here(_: Request, error: HTTPException) -> JSONResponse:
        code = {400: "bad-request", 404: "unknown-path", 405: "wrong-method"}.get(error.status_code, "refused")
        return _answer(error.status_code, code, f"{error.detail}. See /openapi.json.", error.headers)

    @app.exception_handler(RequestValidationError)
    async def not_understood(_: Request, error: RequestValidationError) -> JSONResponse:
        # The framework's own answer repeats the input, which may hold a HETU.
        places = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors())
        return _answer(422, "bad-request", f"{places}. See /openapi.json.")


def _answer(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": code, "message": message}, status, headers)
