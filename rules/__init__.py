"""What the numbers mean: rules, insights and budgets."""
