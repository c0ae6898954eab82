"""What the tests of deploy/ lean on: an exchange on SQLite, whose clock stands until it is moved."""

from tests.service.conftest import clock

__all__ = ["clock"]
