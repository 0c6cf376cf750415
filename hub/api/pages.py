"""Pages for people and probes for machines: /docs, /errors, the OpenAPI documents, /healthz, /readyz."""

from __future__ import annotations

import re
from functools import cached_property
from importlib import resources
from typing import Any, Final

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from hub.api import negotiate, openapi_operations, problems, shaping
from hub.api.interactions import KINDS, RESULT_PARAMS
from hub.api.operations import OPERATIONS
from hub.api.problems import LANGUAGES
from hub.api.settings import ApiSettings
from hub.usecases.ports import InstallationState, Language, UseCases

_LATER: Final = re.compile(r"\{[a-z]+\}")
_WORDS: Final[dict[Language, dict[str, str]]] = {
    "fi": {
        "title": "Virheet",
        "lead": "Kaikki, mitä tämä rajapinta voi vastata, kun jokin ei onnistu.",
        "done": "Pyyntö tehtiin.",
        "nothing-done": "Mitään ei tehty.",
        "not-known": "Vielä ei tiedetä, tehtiinkö pyyntö.",
        "person": "Käyttäjälle",
        "developer": "Kehittäjälle",
        "next": "Mitä seuraavaksi",
        "certainty": "Tehtiinkö pyyntö?",
        "all": "Kaikki virheet",
        "wait": "Odota sekunteina (Retry-After)",
    },
    "sv": {
        "title": "Fel",
        "lead": "Allt som det här gränssnittet kan svara när något inte lyckas.",
        "done": "Begäran gjordes.",
        "nothing-done": "Inget gjordes.",
        "not-known": "Det är ännu inte känt om begäran gjordes.",
        "person": "För användaren",
        "developer": "För utvecklaren",
        "next": "Vad nu",
        "certainty": "Gjordes begäran?",
        "all": "Alla fel",
        "wait": "Vänta så här många sekunder (Retry-After)",
    },
    "en": {
        "title": "Errors",
        "lead": "Everything this API can answer when something does not work.",
        "done": "The request was done.",
        "nothing-done": "Nothing was done.",
        "not-known": "It is not known yet whether the request was done.",
        "person": "For the person",
        "developer": "For the developer",
        "next": "What next",
        "certainty": "Was it done?",
        "all": "All errors",
        "wait": "Seconds to wait (Retry-After)",
    },
}


class Pages:
    """The pages' handlers."""

    def __init__(self, usecases: UseCases, settings: ApiSettings) -> None:
        self._usecases = usecases
        self._settings = settings

    def routes(self) -> list[Route]:
        return [
            Route("/", self._home),
            Route("/docs", self._docs),
            Route("/pages.css", self._style),
            Route("/errors", self._errors),
            Route("/errors/{code}", self._error),
            Route("/openapi.json", self._openapi),
            Route("/openapi/{kind}.json", self._openapi),
            Route("/healthz", self._health),
            Route("/readyz", self._ready),
        ]

    @cached_property
    def _templates(self) -> Environment:
        return Environment(loader=PackageLoader("hub.api"), autoescape=True, undefined=StrictUndefined)

    async def _home(self, _: Request) -> Response:
        return RedirectResponse("/docs", 303)

    async def _style(self, _: Request) -> Response:
        text = resources.files("hub.api").joinpath("templates/pages.css").read_text("utf-8")
        return Response(text, media_type="text/css")

    async def _docs(self, request: Request) -> Response:
        examples = self._settings.examples
        return self._html(
            "docs.html",
            "en",
            settings=self._settings,
            kinds=KINDS.values(),
            result_params=RESULT_PARAMS,
            operations=OPERATIONS.values(),
            includes=shaping.includes,
            problems=problems.contract().values(),
            token=next(iter(examples.values()), "$TOKEN"),
            portal=examples.get("portal", "$PORTAL_TOKEN"),
            is_sandbox=bool(examples),
        )

    async def _errors(self, request: Request) -> Response:
        language = _language(request)
        rules = problems.contract().values()
        return self._html(
            "errors.html", language, rules=rules, words=_WORDS[language], languages=LANGUAGES, plain=_plain
        )

    async def _error(self, request: Request) -> Response:
        language = _language(request)
        rule = problems.contract().get(request.path_params["code"])
        if rule is None:
            return PlainTextResponse("There is no such code.", 404)
        return self._html("error.html", language, rule=rule, words=_WORDS[language], languages=LANGUAGES, plain=_plain)

    async def _openapi(self, request: Request) -> Response:
        kind = request.path_params.get("kind")
        if kind is not None and kind not in KINDS:
            return PlainTextResponse("There is no such type.", 404)
        return _json(openapi_operations.document(self._settings, kind))

    async def _health(self, _: Request) -> Response:
        return _json({"status": "ok"})

    async def _ready(self, _: Request) -> Response:
        now = await self._usecases.readiness()
        told = {
            "ready": now.ready,
            "store": now.store,
            "installations": {one.name: _state(one) for one in now.installations},
        }
        return _json(told, 200 if now.ready else 503)

    def _html(self, template: str, language: Language, **values: Any) -> Response:
        text = self._templates.get_template(template).render(language=language, **values)
        headers = {"Content-Language": language, "Vary": "Accept-Language"}
        return Response(text, media_type="text/html", headers=headers)


def _state(one: InstallationState) -> dict[str, Any]:
    """What an outsider may know of an installation: whether it answers, and since when."""
    return {"up": one.up, "since": one.since, "directory_at": one.directory_at}


def _language(request: Request) -> Language:
    wanted = request.query_params.get("lang")
    for language in LANGUAGES:
        if language == wanted:
            return language
    return negotiate.language(request.headers.get("accept-language", ""))


def _plain(template: str) -> str:
    """A text of the contract without the facts of a case."""
    return _LATER.sub("…", template)


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
