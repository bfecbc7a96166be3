"""Owns the two pages of unsubscribing, for people whose mail program leaves it to their browser.

Never says whose link it is, nor whether it was a true one. No script, nothing from elsewhere.
"""

from __future__ import annotations

from google.api.httpbody_pb2 import HttpBody

FORM_KEY, FORM_VALUE = "List-Unsubscribe", "One-Click"  # RFC 8058, section 3.2
TYPE = "text/html; charset=utf-8"
HEADERS = {
    "cache_control": "no-store",
    "content_security_policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'",
    "referrer_policy": "no-referrer",
    "x_content_type_options": "nosniff",
    "x_robots_tag": "noindex",
}
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Unsubscribe</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 30rem; margin: 15vh auto; padding: 0 1rem; color: #222 }}
button {{ font: inherit; padding: .6rem 1.2rem; border: 0; border-radius: .4rem; background: #222; color: #fff }}
</style>
<main>{content}</main>
</html>
"""
QUESTION = f"""
<h1>Unsubscribe?</h1>
<p>You will get no more of these messages.</p>
<form method="post"><button name="{FORM_KEY}" value="{FORM_VALUE}">Unsubscribe</button></form>
"""
DONE = """
<h1>You are unsubscribed.</h1>
<p>You will get no more of these messages.</p>
"""


def question() -> HttpBody:
    """The page with the button."""
    return _page(QUESTION)


def done() -> HttpBody:
    """The page after it."""
    return _page(DONE)


def _page(content: str) -> HttpBody:
    return HttpBody(content_type=TYPE, data=PAGE.format(content=content).encode())
