"""Owns how the newest messages look to a person: one self-contained page of notification cards.

Never trusts a message: every word is escaped, only http(s) links become links, and nothing of it can run.
"""

from __future__ import annotations

import html
import urllib.parse
from collections.abc import Sequence
from typing import Any

from sandbox.messages import Shown, instant

HEADERS = (
    b"Content-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\n"
    b"X-Content-Type-Options: nosniff\r\n"
    b"Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'; img-src http: https: data:\r\n"
)
SHOWN = 60

_STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #667085; --card: #fff; --edge: #e4e7ec; --ground: #f5f6f8;
  --mark: #3157d5 }
@media (prefers-color-scheme: dark) { :root { --ink: #eef1f6; --soft: #98a2b3; --card: #1d222c; --edge: #2f3643;
  --ground: #12151b; --mark: #8fa8ff } }
* { box-sizing: border-box }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif }
header { display: flex; gap: 1rem; align-items: baseline; flex-wrap: wrap; max-width: 76rem; margin: 0 auto;
  padding: 1.6rem 1.2rem .6rem }
h1 { font-size: 1.25rem; margin: 0 } header p { margin: 0; color: var(--soft) }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(20rem, 1fr)); gap: .9rem; align-items: start;
  max-width: 76rem; margin: 0 auto; padding: .6rem 1.2rem 3rem }
article { background: var(--card); border: 1px solid var(--edge); border-radius: 14px; overflow: hidden;
  box-shadow: 0 1px 2px #1018280d, 0 4px 14px #1018280a }
.text { display: grid; grid-template-columns: 44px 1fr; gap: .8rem; padding: .9rem 1rem }
.icon { width: 44px; height: 44px; border-radius: 10px; object-fit: cover; background: var(--ground); display: grid;
  place-items: center; color: var(--mark); font-weight: 600 }
h2 { font-size: 1rem; margin: 0; overflow-wrap: anywhere } h2 a { color: inherit; text-decoration: none }
.text p { margin: .15rem 0 0; overflow-wrap: anywhere; white-space: pre-line }
.picture { display: block; width: 100%; max-height: 14rem; object-fit: cover }
.actions { display: flex; gap: 1.2rem; padding: 0 1rem .8rem 4.6rem; color: var(--mark); font-weight: 600 }
footer { display: flex; gap: .3rem .8rem; flex-wrap: wrap; padding: .55rem 1rem; border-top: 1px solid var(--edge);
  color: var(--soft); font-size: .8rem }
footer b { color: #b54708; font-weight: 600 } .empty { grid-column: 1 / -1; color: var(--soft) }
"""


def page(messages: Sequence[Shown], *, total: int, repeats: int) -> bytes:
    """The whole page; it asks for itself again every two seconds."""
    cards = "".join(map(_card, messages)) or '<p class="empty">Nothing has been sent yet.</p>'
    counts = f"{total:,} accepted, {repeats:,} repeated; the newest {len(messages)} are shown"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>Sandbox: what arrived</title>'
        f"<style>{_STYLE}</style></head><body><header><h1>What arrived</h1><p>{counts}</p></header>"
        f"<main>{cards}</main></body></html>\n"
    ).encode()


def _card(message: Shown) -> str:
    content = message.content
    title = _text(content, "title") or ("(no title)" if content else "(cannot be decrypted)")
    return (
        f'<article>{_picture(content)}<div class="text">{_icon(content, title)}'
        f"<div><h2>{_linked(title, _text(content, 'url'))}</h2><p>{html.escape(_text(content, 'body'))}</p></div></div>"
        f"{_actions(content)}{_facts(message)}</article>"
    )


def _picture(content: dict[str, Any]) -> str:
    source = _web_address(_text(content, "image"))
    return f'<img class="picture" src="{source}" alt="" loading="lazy">' if source else ""


def _icon(content: dict[str, Any], title: str) -> str:
    source = _web_address(_text(content, "icon"))
    if source:
        return f'<img class="icon" src="{source}" alt="" loading="lazy">'
    return f'<span class="icon">{html.escape(title[:1].upper())}</span>'


def _linked(title: str, url: str) -> str:
    address = _web_address(url)
    text = html.escape(title)
    return f'<a href="{address}" rel="noopener noreferrer nofollow" target="_blank">{text}</a>' if address else text


def _actions(content: dict[str, Any]) -> str:
    listed = content.get("actions")
    titles = [_text(each, "title") for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    buttons = "".join(f"<span>{html.escape(title)}</span>" for title in titles[:3] if title)
    return f'<div class="actions">{buttons}</div>' if buttons else ""


def _facts(message: Shown) -> str:
    record = message.record
    campaign = html.escape(_text(message.content, "campaign"))
    when = instant(record.at)
    marks = ("<b>repeated</b>" if record.repeat else "") + ("<b>replaced one</b>" if record.replaces else "")
    return (
        f'<footer><span>{html.escape(message.channel)}</span><span>{campaign}</span><time datetime="{when}">'
        f'{when[11:19]} UTC</time><span title="{html.escape(record.to)}">to {html.escape(_short(record.to))}</span>'
        f"{marks}</footer>"
    )


def _short(recipient: str) -> str:
    """An address as it is; a subscription's id is random letters, of which ten are plenty."""
    return recipient if "@" in recipient else f"{recipient[:10]}…"


def _text(content: dict[str, Any], name: str) -> str:
    value = content.get(name)
    return value if isinstance(value, str) else ""


def _web_address(value: str) -> str:
    """Escaped for an attribute; empty for anything but http and https (`javascript:` is an address too)."""
    try:
        scheme = urllib.parse.urlsplit(value).scheme
    except ValueError:
        return ""
    return html.escape(value) if scheme in ("http", "https") else ""
