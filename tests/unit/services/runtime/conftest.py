"""Examples that hypothesis draws may take as long as a busy machine needs; there are enough of them, not many."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("unhurried", deadline=None, max_examples=25)
hypothesis.settings.load_profile("unhurried")
