"""XML for the rules: elements as the places of a tree, and what a vendor's schema says there can be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import resources
from typing import Any, ClassVar, Final, Self

from lxml import etree

from canonical import xml
from canonical.messages import BadMessage
from mappings.engine.tree import Seen

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"


class XmlNode:
    """An element, or an attribute of one. ``namespace`` is the vendor's; a name of another one stays in braces. Of an
    element that is there twice where one is asked for the first is read; what that means is the subclass's to say."""

    __slots__ = ("_attribute", "_children", "_ones", "element", "name", "seen")
    namespace: ClassVar[str] = ""
    _prefix: ClassVar[str] = "{}"

    def __init_subclass__(cls) -> None:
        cls._prefix = f"{{{cls.namespace}}}"

    def __init__(self, element: Any, seen: Seen = None, attribute: str = "") -> None:
        self.element = element
        self.seen = seen
        self._attribute = attribute
        self._children: dict[str, list[Any]] = {}
        self._ones: dict[str, Self] = {}  # several rules read the same place
        prefix = self._prefix
        self.name: str = f"@{attribute}" if attribute else element.tag.removeprefix(prefix)
        for child in () if attribute else element:
            self._children.setdefault(child.tag.removeprefix(prefix), []).append(child)

    @property
    def shown(self) -> str:
        return self.name.rpartition("}")[2]

    @property
    def place(self) -> str:
        steps, element = [self.name] if self._attribute else [], self.element
        while element is not None:
            parent = element.getparent()
            twins = [] if parent is None else parent.findall(element.tag)
            number = f"[{twins.index(element) + 1}]" if len(twins) > 1 else ""
            steps.append(etree.QName(element).localname + number)
            element = parent
        return "/".join(reversed(steps))

    @property
    def line(self) -> int:
        return self.element.sourceline or 0

    @property
    def value(self) -> str:
        if self.seen is not None:
            self.seen(self)
        if self._attribute:
            return str(self.element.get(self._attribute, ""))
        if len(self.element):
            raise BadMessage(f"{self.shown} holds elements")
        return self.element.text or ""

    def one(self, name: str) -> Self | None:
        known = self._ones.get(name)
        if known is not None:
            return known
        if name[0] == "@":
            made = type(self)(self.element, self.seen, name[1:]) if name[1:] in self.element.attrib else None
        else:
            found = self._children.get(name)
            made = type(self)(found[0], self.seen) if found else None
        if made is not None:
            self._ones[name] = made
        return made

    def all(self, name: str) -> Sequence[Self]:
        return [type(self)(one, self.seen) for one in self._children.get(name, ())]

    def others(self, known: frozenset[str]) -> Sequence[Self]:
        if self._children.keys() <= known:
            return []
        strangers = [one for name, found in self._children.items() if name not in known for one in found]
        return [type(self)(one, self.seen) for one in strangers]

    def written(self) -> str:
        if self.seen is not None:
            for leaf in self.leaves():
                self.seen(leaf)
        return str(etree.tostring(self.element, encoding="unicode", with_tail=False))

    def leaves(self) -> Iterator[Self]:
        for element in self.element.iter():
            yield from (type(self)(element, self.seen, name) for name in element.attrib)
            if not len(element) and element.text:
                yield type(self)(element, self.seen)


class Schema:
    """Which elements and attributes an XML Schema knows, by path from a root. (It is asked when rules are loaded; what
    is sent is validated elsewhere.)"""

    def __init__(self, package: str, file: str) -> None:
        self._root = xml.loads(resources.files(package).joinpath(file).read_bytes())

    def exists(self, root: str, path: str) -> bool:
        """Whether an element called ``root`` can hold something at ``path`` (``alku/klo``, ``nimi/@kieli``)."""
        declared = [one for one in self._root.iter(f"{_XS}element") if one.get("name") == root]
        for step in path.split("/"):
            declared = [
                child for one in declared for child in self._inside(one) if child.get("name") == step.lstrip("@")
            ]
        return bool(declared)

    def _inside(self, declared: Any) -> Iterator[Any]:
        """The declarations of what an element or a type holds."""
        kind = declared.get("type") or declared.get("base")
        for one in self._root.iterchildren(f"{_XS}complexType") if kind else ():
            if one.get("name") == kind.rpartition(":")[2]:
                yield from self._inside(one)
        for one in declared.iterdescendants(f"{_XS}element", f"{_XS}attribute", f"{_XS}extension"):
            if one.tag == f"{_XS}extension":
                yield from self._inside(one)
            elif one.get("ref"):
                named = one.get("ref").rpartition(":")[2]
                yield from (e for e in self._root.iterchildren(f"{_XS}element") if e.get("name") == named)
            else:
                yield one
