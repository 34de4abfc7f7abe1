"""The commands behind `attribase`, a file a group; heavy libraries are imported when a command runs."""
