"""Event-driven emulator of networks of any kind; see `engine`."""
