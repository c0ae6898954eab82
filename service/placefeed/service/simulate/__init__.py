"""An invented England and simulated providers: who there is, what they say, and in which forms they send it.

```
england | an Ofsted file | the register ──rows──> owners ──> life (occupancy, in time) ──> documents ──> forms ──> files, or a push
```
Whatever comes out says that it is simulated: names, feeds and sources. The same seed and the same `now` give the same bytes.
"""
