"""Owns the generated code: `python -m tools.protogen` makes proto/gen anew from proto/.

Never edits what it makes: proto/gen/carillon/… is imported as `carillon.…`, and proto/gen/carillon.binpb is the
descriptor set that Envoy and the door read. `--lint` checks the sources with buf instead.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from importlib import resources
from pathlib import Path

import google.api
from grpc_tools import protoc

PROTO = Path(__file__).resolve().parent.parent / "proto"
GENERATED = PROTO / "gen"

# Included whole, so that Envoy can print every error detail as JSON.
ERROR_DETAILS = "google/rpc/error_details.proto"


def sources() -> list[str]:
    """The .proto files, relative to proto/."""
    return sorted(str(path.relative_to(PROTO)) for path in (PROTO / "carillon").rglob("*.proto"))


def include_paths() -> list[Path]:
    """proto/, google/api and google/rpc of googleapis-common-protos, and protoc's own well-known types."""
    common = Path(next(iter(google.api.__path__))).parent.parent
    return [PROTO, common, Path(str(resources.files("grpc_tools") / "_proto"))]


def generate() -> None:
    """Write proto/gen in one move, so that a reader never meets half of it."""
    with tempfile.TemporaryDirectory(dir=PROTO, prefix=".gen-") as folder:
        scratch = Path(folder) / "gen"
        scratch.mkdir()
        code = protoc.main(
            [
                "protoc",
                *(f"-I{path}" for path in include_paths()),
                f"--python_out={scratch}",
                f"--pyi_out={scratch}",
                f"--grpc_python_out={scratch}",
                *sources(),
            ]
        )
        code = code or protoc.main(
            [
                "protoc",
                *(f"-I{path}" for path in include_paths()),
                "--include_imports",
                "--include_source_info",
                f"--descriptor_set_out={scratch}/carillon.binpb",
                *sources(),
                ERROR_DETAILS,
            ]
        )
        if code:
            raise SystemExit(code)
        shutil.rmtree(GENERATED, ignore_errors=True)
        scratch.rename(GENERATED)


def lint() -> int:
    """buf lint over the sources, with google/api beside them so that nothing is fetched."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = Path(scratch)
        common = include_paths()[1]
        shutil.copytree(PROTO / "carillon", workspace / "proto" / "carillon")
        for package in ("api", "rpc"):
            target = workspace / "imports" / "google" / package
            target.mkdir(parents=True)
            for proto in (common / "google" / package).glob("*.proto"):
                shutil.copy(proto, target)
        rules = (PROTO / "buf.yaml").read_text()
        modules = "modules:\n  - path: proto\n  - path: imports\n    lint: {ignore: [imports]}\n"
        (workspace / "buf.yaml").write_text(rules.replace("modules:\n  - path: .\n", modules))
        return subprocess.run(["buf", "lint", "proto"], cwd=workspace, check=False).returncode


def main() -> None:
    """Generate, or lint with `--lint`."""
    if sys.argv[1:] == ["--lint"]:
        raise SystemExit(lint())
    generate()


if __name__ == "__main__":
    main()
