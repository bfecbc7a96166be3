"""The rules: which of two truths about a message stands, when a run is counted, when a campaign's numbers are final."""
