"""RTL generators for FP8 and MX arithmetic units around prefix circuits."""
