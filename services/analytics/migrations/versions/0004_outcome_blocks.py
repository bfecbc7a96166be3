"""Messages that were sent side by side are one row; `outcome` shows all of them, message by message."""

from services.runtime.migrating import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE outcome RENAME TO outcome_row;
CREATE TABLE outcome_block (
    run      bytea    NOT NULL,
    batch    integer  NOT NULL,
    first    integer  NOT NULL,
    size     integer  NOT NULL,
    channel  smallint NOT NULL,
    tenant   bytea    NOT NULL,
    campaign bytea    NOT NULL,
    contacts bytea    NOT NULL,
    at       bigint[] NOT NULL,
    PRIMARY KEY (run, batch, first)
);
ALTER TABLE outcome_block ALTER COLUMN contacts SET STORAGE EXTERNAL, ALTER COLUMN at SET STORAGE EXTERNAL;
CREATE VIEW outcome AS
SELECT run, batch, position, state, rank, channel, tenant, campaign, contact, reason, at FROM outcome_row
 UNION ALL
SELECT b.run, b.batch, b.first + i.index, 2::smallint, 6::smallint, b.channel, b.tenant, b.campaign,
       substring(c.contacts FROM 12 * i.index + 1 FOR 12), ''::text,
       timestamptz 'epoch' + coalesce(i.at, b.at[1]) * interval '1 millisecond'
  FROM outcome_block AS b
 CROSS JOIN LATERAL (SELECT b.contacts || ''::bytea AS contacts OFFSET 0) AS c
 CROSS JOIN LATERAL ROWS FROM (generate_series(0, b.size - 1), unnest(b.at)) AS i(index, at);
"""
    )
