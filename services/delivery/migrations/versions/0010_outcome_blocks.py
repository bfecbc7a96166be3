"""Messages that were accepted side by side are one row; `outcome` shows all of them, message by message."""

from services.runtime.migrating import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script(
        """
ALTER TABLE outcome RENAME TO outcome_row;
CREATE TABLE outcome_block (
    run       bytea    NOT NULL,
    batch     integer  NOT NULL,
    first     integer  NOT NULL,
    size      integer  NOT NULL,
    channel   smallint NOT NULL,
    contacts  bytea    NOT NULL,
    endpoints bytea    NOT NULL,
    code      integer  NOT NULL,
    attempts  integer  NOT NULL,
    repeated  boolean  NOT NULL,
    final_at  bigint[] NOT NULL,
    PRIMARY KEY (run, batch, first)
);
ALTER TABLE outcome_block ALTER COLUMN contacts SET STORAGE EXTERNAL, ALTER COLUMN endpoints SET STORAGE EXTERNAL,
                          ALTER COLUMN final_at SET STORAGE EXTERNAL;
CREATE VIEW outcome AS
SELECT run, batch, position, contact, endpoint, channel, state, reason, code, attempts, repeated, final_at, retried_by
  FROM outcome_row
 UNION ALL
SELECT b.run, b.batch, b.first + i.index, substring(c.contacts FROM 12 * i.index + 1 FOR 12),
       substring(c.endpoints FROM 12 * i.index + 1 FOR 12), b.channel, 2::smallint, ''::text, b.code, b.attempts,
       b.repeated, timestamptz 'epoch' + coalesce(i.at, b.final_at[1]) * interval '1 microsecond', NULL::bytea
  FROM outcome_block AS b
 CROSS JOIN LATERAL (SELECT b.contacts || ''::bytea AS contacts, b.endpoints || ''::bytea AS endpoints OFFSET 0) AS c
 CROSS JOIN LATERAL ROWS FROM (generate_series(0, b.size - 1), unnest(b.final_at)) AS i(index, at);
"""
    )
