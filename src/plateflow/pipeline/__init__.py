"""What to do with a plate: steps, pipelines, and the plan that fits one to the other."""
