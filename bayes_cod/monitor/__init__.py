"""Whether a large run is on track: its scores and losses in their bands, an alarm, and the forecast of its end."""
