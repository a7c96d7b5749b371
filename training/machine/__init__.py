"""The machine that trains: its arithmetic, memory, processes and clock."""
