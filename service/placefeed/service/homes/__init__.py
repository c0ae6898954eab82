"""What a provider's people see of their homes, and change by hand: on top of what is published and of what sources say."""
