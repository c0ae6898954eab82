"""The whole exchange on a laptop, with simulated providers and members: `placefeed demo`.

```
folder new? ──> migrate, register, who is who, keys.json ──┐
folder known? ──> keys.json ───────────────────────────────┴──> server + worker + schedule ──> providers push, then go on
```
"""

from placefeed.service.demo.run import Demo

__all__ = ["Demo"]
