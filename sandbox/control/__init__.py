"""The control interface: what tests and people may do to the sandbox, never a part of a vendor's interface."""
