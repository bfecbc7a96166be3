"""Settings come from the environment, every problem is named at once, and no secret is ever shown."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from services.runtime.settings import PREFIX, Address, Secret, read_settings

KEY = base64.b64encode(bytes(range(32))).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One field of every kind."""

    listen: Address
    secret: Secret
    name: str
    count: int
    seconds: float = 1.5
    on: bool = False
    hosts: tuple[str, ...] = ()


GOOD = {"LISTEN": "127.0.0.1:80", "SECRET": KEY, "NAME": "x", "COUNT": "3"}


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LISTEN", "SECRET", "NAME", "COUNT", "SECONDS", "ON", "HOSTS"):
        monkeypatch.delenv(PREFIX + name, raising=False)


def tell(monkeypatch: pytest.MonkeyPatch, **told: str) -> None:
    for name, value in told.items():
        monkeypatch.setenv(PREFIX + name, value)


def refused(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The problems that are named when the process refuses to start."""
    with pytest.raises(SystemExit) as ended:
        read_settings(Told)
    assert ended.value.code == 2
    return capsys.readouterr().err.splitlines()[1:]


def test_every_field_is_read_as_its_type_says(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, **GOOD, SECONDS="0.5", ON="true", HOSTS="a:1,b:2")

    settings = read_settings(Told)

    assert (settings.listen.host, settings.listen.port) == ("127.0.0.1", 80)
    assert (bytes(settings.secret), settings.name, settings.count) == (bytes(range(32)), "x", 3)
    assert (settings.seconds, settings.on, settings.hosts) == (0.5, True, ("a:1", "b:2"))


def test_what_is_absent_has_its_default(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, **GOOD)

    settings = read_settings(Told)

    assert (settings.seconds, settings.on, settings.hosts) == (1.5, False, ())


def test_every_problem_is_named_at_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    tell(monkeypatch, LISTEN="nowhere", SECRET="c2hvcnQ=", COUNT="many", SECONDS="soon")

    problems = refused(capsys)

    named = [problem.strip().partition(":")[0] for problem in problems]
    assert named == [PREFIX + name for name in ("LISTEN", "SECRET", "NAME", "COUNT", "SECONDS")]


@pytest.mark.parametrize("address", ["", "host", ":80", "host:", "host:0", "host:65536", "host:x", "host:-1"])
def test_what_is_no_address_is_refused(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, **GOOD | {"LISTEN": address})

    (problem,) = refused(capsys)

    assert problem.strip() == f"{PREFIX}LISTEN: must be host:port"


@pytest.mark.parametrize("secret", ["", "not base64!", "c2hvcnQ=", KEY[:-1], "schlüssel", KEY + KEY])
def test_what_is_no_secret_is_refused_without_being_shown(
    secret: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tell(monkeypatch, **GOOD | {"SECRET": secret})

    (problem,) = refused(capsys)

    assert problem.strip().startswith(f"{PREFIX}SECRET: must be ")
    assert not secret or secret not in problem


def test_a_secret_is_never_shown() -> None:
    secret = Secret(b"the-thirty-two-bytes-of-a-secret")

    shown = [repr(secret), str(secret), f"{secret}", f"{secret!s:>5}", repr([secret])]

    assert not any("thirty" in text for text in shown)


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    tell(monkeypatch, **GOOD | {"SECRET": base64.b64encode(b"the-thirty-two-bytes-of-a-secret").decode()})

    settings = read_settings(Told)

    assert "thirty" not in f"{settings}"
