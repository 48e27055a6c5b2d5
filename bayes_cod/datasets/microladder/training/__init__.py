"""Stand-alone program that trains, measures and exports the micro ladder."""
