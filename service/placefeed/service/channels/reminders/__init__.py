"""E-mails to a provider's people before what was said grows stale, and the link that says “nothing has changed”.

```
remind (twice a day) ──homes ageing, person wants it, none today──> queued (a slot of a job) ──send──> told
                                                                       ^──not taken: later──┘
link in it ──opened──> page ──its button──> those homes attested, once
```
"""
