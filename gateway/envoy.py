"""Owns writing Envoy's configuration: `python -m gateway.envoy --out FILE`; `--check` asks Envoy whether it is valid.

Never runs Envoy otherwise. What it writes is JSON, which Envoy reads under any name.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from gateway.apis import APIS
from gateway.edge.clusters import clusters, socket
from gateway.edge.listener import listeners
from gateway.edge.settings import EnvoySettings
from services.runtime.settings import Address, read_settings

MOST_CONNECTIONS = 20_000


def configuration(settings: EnvoySettings) -> dict[str, Any]:
    """The whole configuration."""
    return {
        "overload_manager": {"resource_monitors": [_connections()]},
        "admin": {"address": socket(settings.envoy_admin.host, settings.envoy_admin.port)},
        "static_resources": {
            "listeners": listeners(APIS, settings),
            "clusters": [*clusters(settings)],
        },
    }


def _connections() -> dict[str, Any]:
    """More clients than this are refused before they cost anybody else anything."""
    name = "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    config = {"@type": f"type.googleapis.com/{name}", "max_active_downstream_connections": MOST_CONNECTIONS}
    return {"name": "envoy.resource_monitors.global_downstream_max_connections", "typed_config": config}


def sample() -> EnvoySettings:
    """Settings for a configuration that is only looked at."""
    somewhere = Address("127.0.0.1:50051")
    return EnvoySettings(
        campaigns=somewhere, segments=somewhere, delivery=somewhere, analytics=somewhere, gateway=somewhere
    )


def check() -> int:
    """Ask Envoy about the sample; 0 where it is valid."""
    envoy = shutil.which("envoy", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin")
    if envoy is None:
        print("There is no envoy beside this Python.", file=sys.stderr)
        return 1
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(configuration(sample()), file)
        file.flush()
        return subprocess.run([envoy, "--mode", "validate", "-l", "warn", "-c", file.name], check=False).returncode


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description="Write Envoy's configuration from the environment.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--out", type=Path, help="the file to write")
    what.add_argument("--check", action="store_true", help="validate a sample configuration with Envoy")
    arguments = parser.parse_args()
    if arguments.check:
        raise SystemExit(check())
    arguments.out.write_text(json.dumps(configuration(read_settings(EnvoySettings)), indent=1))


if __name__ == "__main__":
    main()
