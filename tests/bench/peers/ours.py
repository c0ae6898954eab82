"""Our own server, started as its peers are: `python -m tests.bench.peers.ours PORT FOLDER`."""

import sys
from pathlib import Path

import uvicorn

from placefeed.service.app import create_app
from placefeed.service.config import Settings
from placefeed.service.logs import configure
from tests.bench.exchange import SECRET
from tests.bench.peers.web import SERVER

if __name__ == "__main__":
    settings = Settings(data=Path(sys.argv[2]), secret=SECRET, worker=False, rate_per_minute=0, log_json=True)
    configure(settings)
    uvicorn.run(create_app(settings), host="127.0.0.1", port=int(sys.argv[1]), **SERVER)
