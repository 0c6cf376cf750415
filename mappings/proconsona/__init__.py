"""ProConsona, release 3, and the canonical model: XML of one namespace, with Finnish names.

Both directions, pure: documents are read by ``document`` and become records (``appointments``, ``directory``,
``persons``) and free times (``slots``); commands become bodies (``commands``). What codes mean stands in ``codes/``.
Source: ProConsona, release 3: interface for meetings, and its schema.

A message that is not as that manual says raises one of `canonical.messages.UNREADABLE`: mostly `BadMessage`, and where
something has another shape altogether, what Python says to that. Whoever calls translates them, once, at the edge.
"""
