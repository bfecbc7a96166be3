"""The rules: what a contact may be, what a filter may say, where a batch of an audience ends."""
