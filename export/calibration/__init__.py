"""What calibration images say: ranges, float baseline, losses."""
