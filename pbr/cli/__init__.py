"""The commands: each parses, calls one job, and prints. The only room that reads the clock."""
