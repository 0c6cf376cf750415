"""Pegasos: appointments by HL7 v2.4 over MLLP."""

from __future__ import annotations

from adapters.base import Adapter, Installation
from adapters.pegasos.adapter import PegasosAdapter

__all__ = ["PegasosAdapter", "open"]


def open(installation: Installation) -> Adapter:  # noqa: A001 - every adapter's package has its `open`
    """The adapter of one installation. Raises `adapters.errors.Misconfigured` with every problem of its options."""
    return PegasosAdapter(installation)
