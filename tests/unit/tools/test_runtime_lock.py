"""The image's share of the lock: all that the product needs, none of what only the tools do."""

from __future__ import annotations

import pytest

from tools.runtime_lock import closure, stanzas

NEEDS = {
    "app": ["web>=1", "keys[strong]", "win; sys_platform == 'win32'", "docs; extra == 'docs'"],
    "web": ["Sock_et"],
    "keys": ["cipher; extra == 'strong'", "toy; extra == 'weak'"],
}
LOCK = """\
keys==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via app
sock-et==2.0 ; python_version >= '3' \\
    --hash=sha256:cc
"""


def test_what_is_needed_is_followed_to_its_end() -> None:
    assert closure(["app"], NEEDS.get) == {"app", "web", "sock-et", "keys", "cipher"}


def test_a_circle_ends() -> None:
    assert closure(["a"], {"a": ["b"], "b": ["a"]}.get) == {"a", "b"}


def test_a_stanza_keeps_its_version_its_marker_and_every_hash() -> None:
    assert stanzas(LOCK, {"keys"}) == LOCK[: LOCK.index("sock-et")]
    assert stanzas(LOCK, {"sock-et"}) == LOCK[LOCK.index("sock-et") :]


def test_a_package_that_the_lock_does_not_have_is_an_error() -> None:
    with pytest.raises(LookupError, match="web"):
        stanzas(LOCK, {"keys", "web"})
