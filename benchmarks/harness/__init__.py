"""How benchmarks are measured: plans, turns, processes and results."""
