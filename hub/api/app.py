"""The HTTP face put together."""

from __future__ import annotations

from starlette.routing import Router

from canonical.validate import validate
from hub.api.doors import Doors
from hub.api.pages import Pages
from hub.api.routes import Fhir
from hub.api.settings import ApiSettings
from hub.usecases.ports import Ledger, UseCases


def make_app(usecases: UseCases, ledger: Ledger, settings: ApiSettings) -> Doors:
    """The ASGI application. The server must be told to log no access lines of its own: the exchanges are the log."""
    validate({"resourceType": "Appointment"})  # loads the dictionary now, not in the first request
    return Doors(Fhir(usecases, ledger, settings), Router(Pages(usecases, settings).routes()), ledger, settings)
