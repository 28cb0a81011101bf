"""What people see on a terminal: text from values, and nothing else."""
