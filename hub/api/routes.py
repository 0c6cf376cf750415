"""Everything under /fhir: which handler a request goes to, who may, and the audit record of what it released."""

from __future__ import annotations

from hub.access import Access
from hub.api import auth, batch, operations, outcomes, problems, reading, scheduling, versions, writing
from hub.api.interactions import KINDS, Interaction, Kind
from hub.api.message import ReadBody, Reply, Request
from hub.api.settings import ApiSettings
from hub.usecases.ports import Disclosure, Failed, Ledger, UseCases

ROOT = "/fhir"
_METHODS: dict[Interaction, tuple[str, ...]] = {
    "search-type": ("GET", "HEAD"),
    "create": ("POST",),
    "read": ("GET", "HEAD"),
    "update": ("PUT",),
    "vread": ("GET", "HEAD"),
    "history-instance": ("GET", "HEAD"),
}


class Fhir:
    """The FHIR API as one callable, from `Request` to `Reply`."""

    def __init__(self, usecases: UseCases, ledger: Ledger, settings: ApiSettings) -> None:
        self._usecases = usecases
        self._ledger = ledger
        self._settings = settings

    async def answer(self, request: Request, read_body: ReadBody) -> Reply:
        """The reply, its audit record committed. Raises `Failed` where that cannot be."""
        try:
            reply = await self._routed(request, read_body)
        except Failed as problem:
            reply = outcomes.reply(problem, request, self._settings.help)
        if request.method in ("POST", "PUT") and request.access is not None:
            self._settings.reached("before-answer")
        kind = KINDS.get(request.event.partition(".")[0])
        if request.event != "metadata.read" and (kind is None or not kind.public):
            await self._audit(request, reply)
        return reply

    async def _routed(self, request: Request, read_body: ReadBody) -> Reply:
        segments = [one for one in request.path.removeprefix(ROOT).split("/") if one]
        if segments == ["metadata"]:
            request.route, request.event = f"{ROOT}/metadata", "metadata.read"
            _allow(request, "GET", "HEAD")
            return await reading.metadata(request, self._usecases, self._settings)
        kind = KINDS.get(segments[0]) if segments else None
        if kind is None or not kind.public:
            request.access = await auth.authenticate(request.headers, self._usecases)
        if not segments and request.method == "POST":
            request.route, request.event = ROOT, "Bundle.batch"
            return await batch.answer(request, read_body, self.answer, self._settings)
        if kind is None or len(segments) > 4:
            raise Failed(
                "unknown-path", "the base is no resource" if not segments else "there is no such resource type"
            )
        return await self._of_kind(request, kind, segments[1:], read_body)

    async def _of_kind(self, request: Request, kind: Kind, rest: list[str], read_body: ReadBody) -> Reply:
        match rest:
            case []:
                return await self._type_level(request, kind, read_body)
            case ["_search"]:
                _named(request, kind, "/_search", "search")
                _allow(request, "POST")
                return await self._search(request, kind, read_body)
            case [name] if name[0] == "$" and kind.name == "Appointment" and name[1:] in operations.OPERATIONS:
                _named(request, kind, f"/{name}", name[1:])
                _allow(request, *operations.OPERATIONS[name[1:]].methods)
                return await scheduling.answer(
                    request, _known(request), name[1:], read_body, self._usecases, self._settings
                )
            case [hub_id] if hub_id[0] not in "$_":
                return await self._instance(request, kind, hub_id, read_body)
            case [hub_id, "_history"] if "history-instance" in kind.interactions:
                _named(request, kind, "/{id}/_history", "history")
                _allow(request, *_METHODS["history-instance"])
                access = _known(request)
                return await versions.history(request, access, kind, hub_id, self._usecases, self._settings)
            case [hub_id, "_history", version] if "vread" in kind.interactions:
                _named(request, kind, "/{id}/_history/{version}", "vread")
                _allow(request, *_METHODS["vread"])
                access = _known(request)
                return await reading.read_version(
                    request, access, kind, hub_id, version, self._usecases, self._settings
                )
            case _:
                raise Failed("unknown-path", "there is no such operation or history")

    async def _type_level(self, request: Request, kind: Kind, read_body: ReadBody) -> Reply:
        writes = request.method == "POST"
        _named(request, kind, "", "create" if writes else "search")
        _allow(request, *_methods(kind, "search-type", "create"))
        if writes:
            return await writing.create(request, _known(request), read_body, self._usecases, self._settings)
        return await self._search(request, kind, read_body)

    async def _search(self, request: Request, kind: Kind, read_body: ReadBody) -> Reply:
        if kind.public:
            return await reading.search_definitions(request, kind, read_body, self._settings)
        return await reading.search(request, _known(request), kind, read_body, self._usecases, self._settings)

    async def _instance(self, request: Request, kind: Kind, hub_id: str, read_body: ReadBody) -> Reply:
        writes = request.method == "PUT"
        _named(request, kind, "/{id}", "update" if writes else "read")
        _allow(request, *_methods(kind, "read", "update"))
        if kind.public:
            return await reading.definition(request, kind, hub_id)
        if writes:
            return await writing.update(request, _known(request), hub_id, read_body, self._usecases, self._settings)
        return await reading.read(request, _known(request), kind, hub_id, self._usecases, self._settings)

    async def _audit(self, request: Request, reply: Reply) -> None:
        """Commit the audit record. Where it cannot be, the answer stays here: what it held is not released."""
        entry = Disclosure(
            at=request.started,
            request_id=request.id,
            access=request.access,
            event=request.event,
            outcome=reply.outcome,
            released=reply.released,
            query=_query(request),
        )
        try:
            await self._ledger.released(entry)
        except Failed:
            done_nothing = request.method in ("GET", "HEAD") or (
                reply.outcome != "success" and problems.rule(reply.outcome).certainty == "nothing-done"
            )
            raise Failed("no-store" if done_nothing else "answer-withheld") from None


def _query(request: Request) -> bytes:
    """What was searched for, as it came."""
    if request.method in ("GET", "HEAD"):
        return request.query.encode()
    return request.body if request.event.endswith(".search") else b""


def _named(request: Request, kind: Kind, template: str, interaction: str) -> None:
    request.route, request.event = f"{ROOT}/{kind.name}{template}", f"{kind.name}.{interaction}"


def _methods(kind: Kind, *interactions: Interaction) -> list[str]:
    return [method for one in interactions if one in kind.interactions for method in _METHODS[one]]


def _allow(request: Request, *methods: str) -> None:
    if request.method not in methods:
        raise Failed("method-not-allowed", f"{request.method} {request.route}", facts={"allow": ", ".join(methods)})


def _known(request: Request) -> Access:
    assert request.access is not None
    return request.access
