"""Lifecare (MR2020, V2015) and the canonical model: identity plus exceptions, for Lifecare speaks FHIR R4 itself.

Both directions, pure. The exceptions, in the order of a reading: its own names (``vocabulary``), what may not travel on
or is not understood (``carry``), and each resource's own (``appointments``, ``directory``, ``slots``, ``patients``);
the other way there are the bodies of ``commands``. What V2015 writes otherwise is set right before (``clocks``).
Source: Lifecare, releases MR2020 and V2015: interface for appointment booking.

A moved appointment keeps its id and the mark of the booking; a move has no mark of its own there.

A message that is not as that manual says raises one of `canonical.messages.UNREADABLE`: mostly `BadMessage`, and where
something has another shape altogether, what Python says to that. Whoever calls translates them, once, at the edge.
"""
