"""What a run will take, told before it runs: jobs, parameters, memory, disk, steps and time.

Every stage has one function from the shapes of its arrays to bytes; `brainvis plan` shows them. How
near they come is measured in docs/results/plan.md.
"""
