"""A person's resources are found by one column of their own row, not by rows of the table `token`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PERSONAL = ("Appointment", "Patient")
_RESOURCE = sa.table("resource", sa.column("kind"), sa.column("hub_id"), sa.column("found_by"))
_TOKEN = sa.table("token", *(sa.column(name) for name in ("kind", "hub_id", "name", "value")))


def upgrade() -> None:
    op.add_column("resource", sa.Column("found_by", sa.Text(), nullable=True))
    tokens = sa.select(_TOKEN).where(_TOKEN.c.kind.in_(_PERSONAL)).order_by(_TOKEN.c.kind, _TOKEN.c.hub_id)
    found: dict[tuple[str, str], list[str]] = {}
    for row in op.get_bind().execute(tokens):
        found.setdefault((row.kind, row.hub_id), []).append(f"{row.name}={row.value}")
    for (kind, hub_id), names in found.items():
        which = (_RESOURCE.c.kind == kind, _RESOURCE.c.hub_id == hub_id)
        op.execute(_RESOURCE.update().where(*which).values(found_by="\n" + "\n".join(sorted(names)) + "\n"))
    op.execute(_TOKEN.delete().where(_TOKEN.c.kind.in_(_PERSONAL)))


def downgrade() -> None:
    rows = op.get_bind().execute(sa.select(_RESOURCE).where(_RESOURCE.c.found_by.is_not(None))).all()
    for row in rows:
        pairs = [one.partition("=") for one in row.found_by.strip("\n").split("\n") if one]
        values = [{"kind": row.kind, "hub_id": row.hub_id, "name": name, "value": value} for name, _, value in pairs]
        if values:
            op.bulk_insert(_TOKEN, values)
    op.drop_column("resource", "found_by")
