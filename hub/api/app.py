"""The HTTP face put together."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette

from canonical.validate import validate
from hub.api.doors import Doors
from hub.api.pages import Pages
from hub.api.ports import Ledger, UseCases
from hub.api.routes import Fhir
from hub.api.settings import ApiSettings

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def make_app(usecases: UseCases, ledger: Ledger, settings: ApiSettings, *, lifespan: Lifespan | None = None) -> Doors:
    """The ASGI application. ``lifespan`` is entered when the server starts and left when it stops.

    The server must be told to log no access lines of its own: the exchanges are the log.
    """
    validate({"resourceType": "Appointment"})  # loads the dictionary now, not in the first request
    pages = Starlette(routes=Pages(usecases, settings).routes(), lifespan=lifespan)
    return Doors(Fhir(usecases, ledger, settings), pages, ledger, settings)
