"""Ways to learn whether a record is good, from its bytes."""

from collections.abc import Callable, Sequence

import orjson

from placefeed.schema.documents import SettingRecord
from placefeed.schema.files import explaining_validator, rs_validator
from tests.bench.report import rate

Verdict = Callable[[bytes], bool]


def limit() -> Verdict:
    """orjson and a jsonschema-rs validator with formats: nothing in Python is quicker."""
    is_valid = rs_validator("settingRecord").is_valid
    return lambda raw: is_valid(orjson.loads(raw))


def pydantic() -> Verdict:
    """pydantic's own parser, straight from the bytes."""
    validate = SettingRecord.model_validate_json

    def verdict(raw: bytes) -> bool:
        validate(raw)
        return True

    return verdict


def jsonschema() -> Verdict:
    """The reference validator, made once and reused, formats on."""
    is_valid = explaining_validator("settingRecord").is_valid
    return lambda raw: bool(is_valid(orjson.loads(raw)))


def figure(verdict: Verdict, records: Sequence[bytes]) -> Callable[[], float]:
    """Records a second."""

    def work() -> None:
        for raw in records:
            if not verdict(raw):
                raise RuntimeError("The sample is not valid.")

    return lambda: rate(len(records), work)
