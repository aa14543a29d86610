"""The pages of the records of conferences."""
