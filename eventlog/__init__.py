"""What others are told: calls, conferences and extensions as events, numbered, kept for some days, and streamed."""
