"""Makes `python -m tools.stack` work."""

from tools.stack.main import cli

cli()
