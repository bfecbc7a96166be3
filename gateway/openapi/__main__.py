"""Owns the command: write an API's OpenAPI document."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from gateway.apis import APIS
from gateway.openapi.comments import Comments
from gateway.openapi.document import document

DESCRIPTORS = Path("proto/gen/carillon.binpb")


def main() -> None:
    """Write it."""
    known = {api.name: api for api in APIS if not api.is_core}  # resource names in paths have no words in OpenAPI
    parser = argparse.ArgumentParser(description="Write a dialect's OpenAPI document.")
    parser.add_argument("api", choices=known)
    parser.add_argument("--out", type=Path, help="the file to write; the standard output where absent")
    parser.add_argument("--descriptors", type=Path, default=DESCRIPTORS, help="the descriptor set, for the comments")
    parser.add_argument("--server", default="", help="the URL that it is served at")
    arguments = parser.parse_args()
    comments = Comments.of(arguments.descriptors.read_bytes())
    written = json.dumps(
        document(known[arguments.api], comments, server=arguments.server), indent=1, ensure_ascii=False
    )
    if arguments.out:
        arguments.out.write_text(written + "\n", encoding="utf-8")
    else:
        sys.stdout.write(written + "\n")


if __name__ == "__main__":
    main()
