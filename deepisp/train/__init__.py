"""What turns data and networks into weights: losses, tasks, the loop."""
