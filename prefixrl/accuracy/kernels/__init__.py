"""What is compiled has a folder of its own: whatever changes beside compiled code makes all of it be compiled again."""
