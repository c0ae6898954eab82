"""The exchange: takes feeds in, publishes one ordered log, and serves it on every channel."""
