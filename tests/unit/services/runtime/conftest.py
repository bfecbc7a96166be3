"""Examples that hypothesis draws may take as long as a busy machine needs."""

from __future__ import annotations

import hypothesis

hypothesis.settings.register_profile("unhurried", deadline=None)
hypothesis.settings.load_profile("unhurried")
