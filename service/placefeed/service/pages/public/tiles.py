"""England as tiles, one a local authority, placed by hand roughly as they lie: a map without boundaries, drawn on the server.

No boundary file of anybody's is in it. The places are rough on purpose: neighbours stand together and regions as England lies.
"""

from dataclasses import dataclass
from functools import cache

from placefeed.schema.codelists import local_authorities, region

SIZE, GAP, TOP = 40, 2, 8

_GRID = """
 .   .   .   .   .   .   .   .  NBL NTY  .   .   .   .   .   .
 .   .   .   .   .   .   .   .  NCL GAT STY  .   .   .   .   .
 .   .   .   .   .  CUM  .   .  DUR SUN HPL  .   .   .   .   .
 .   .   .   .   .  WMF  .   .  DAR STT MDB RCC  .   .   .   .
 .   .   .  BPL LAN BBD  .   .   .   .   .   .   .   .   .   .
 .   .  SEF WIG BOL BUR ROC  .   .  NYK YOR ERY HUL  .   .   .
 .   .  LIV SHN SAL MAN OLD  .  BRD LDS WKF NLN NEL  .   .   .
 .  WIR KNO WRR TRA STP TAM  .  CAL KIR BNY DON  .   .   .   .
 .   .  HAL CHW CHE  .   .   .   .  SHF ROT  .   .   .   .   .
 .   .   .   .   .   .   .   .   .   .   .   .   .   .   .   .
 .   .   .   .  STO STF  .   .  DBS NTT LIN  .   .   .   .   .
 .   .  SHR TEL WLV WAL  .   .  DBY NOT  .   .   .   .   .   .
 .   .  HEF DUD SAN BIR SOL  .  LEI LCS RUT  .  PET CAM NFK  .
 .   .   .  WOR  .  WAR COV  .   .  WNN NNN  .  BED CBF SFK  .
 .   .   .   .   .   .   .   .   .   .   .   .  LUT HRT ESS SOS
 .   .   .   .   .  OXF BUC MKN  .   .   .   .   .   .  THR  .
 .   .   .   .  WBK RDG WNM SLO  .   .   .   .   .   .   .   .
 .   .  GLO  .   .  WOK BRC  .   .   .  HRW BNT ENF WFT RDB HAV
 .  BRI SGL SWI  .   .   .   .   .  HIL BRE CMD HGY HCK NWM BDG
 .  NSM BAS WIL  .   .   .   .   .  EAL HMF KEN ISL COL TOW BEX
 .  DEV SOM DOR  .   .   .   .   .  HNS RIC WSM LAM SWK LEW GRN
CON PLY TOR BCP  .   .   .   .   .   .  KIN WND MER CRY BRO  .
IOS  .   .   .   .   .   .   .   .   .   .   .  SUT  .   .   .
 .   .   .   .   .   .  STH HAM SRY WSX ESX KNT MDW  .   .   .
 .   .   .   .   .   .  IOW POR  .  BRH  .   .   .   .   .   .
"""

_NAMES = """
NBL E06000057|NTY E08000022|NCL E08000021|GAT E08000037|STY E08000023|DUR E06000047|SUN E08000024|HPL E06000001
DAR E06000005|STT E06000004|MDB E06000002|RCC E06000003|CUM E06000063|WMF E06000064|BPL E06000009|LAN E10000017
BBD E06000008|SEF E08000014|WIG E08000010|BOL E08000001|BUR E08000002|ROC E08000005|LIV E08000012|SHN E08000013
SAL E08000006|MAN E08000003|OLD E08000004|WIR E08000015|KNO E08000011|WRR E06000007|TRA E08000009|STP E08000007
TAM E08000008|HAL E06000006|CHW E06000050|CHE E06000049|NYK E06000065|YOR E06000014|ERY E06000011|HUL E06000010
BRD E08000032|LDS E08000035|WKF E08000036|NLN E06000013|NEL E06000012|CAL E08000033|KIR E08000034|BNY E08000038
DON E08000017|SHF E08000039|ROT E08000018|STO E06000021|STF E10000028|SHR E06000051|TEL E06000020|WLV E08000031
WAL E08000030|HEF E06000019|DUD E08000027|SAN E08000028|BIR E08000025|SOL E08000029|WOR E10000034|WAR E10000031
COV E08000026|DBS E10000007|NTT E10000024|LIN E10000019|DBY E06000015|NOT E06000018|LEI E06000016|LCS E10000018
RUT E06000017|WNN E06000062|NNN E06000061|PET E06000031|CAM E10000003|NFK E10000020|BED E06000055|CBF E06000056
SFK E10000029|LUT E06000032|HRT E10000015|ESS E10000012|SOS E06000033|THR E06000034|OXF E10000025|BUC E06000060
MKN E06000042|WBK E06000037|RDG E06000038|WNM E06000040|SLO E06000039|WOK E06000041|BRC E06000036|HRW E09000015
BNT E09000003|ENF E09000010|WFT E09000031|RDB E09000026|HAV E09000016|HIL E09000017|BRE E09000005|CMD E09000007
HGY E09000014|HCK E09000012|NWM E09000025|BDG E09000002|EAL E09000009|HMF E09000013|KEN E09000020|WSM E09000033
ISL E09000019|COL E09000001|TOW E09000030|BEX E09000004|HNS E09000018|RIC E09000027|WND E09000032|LAM E09000022
SWK E09000028|LEW E09000023|GRN E09000011|KIN E09000021|MER E09000024|CRY E09000008|BRO E09000006|SUT E09000029
GLO E10000013|BRI E06000023|SGL E06000025|SWI E06000030|NSM E06000024|BAS E06000022|WIL E06000054|DEV E10000008
SOM E06000066|DOR E06000059|CON E06000052|PLY E06000026|TOR E06000027|BCP E06000058|IOS E06000053|STH E06000045
HAM E10000014|SRY E10000030|WSX E10000032|ESX E10000011|KNT E10000016|MDW E06000035|IOW E06000046|POR E06000044
BRH E06000043
"""

_REGIONS = {
    "E12000001": (11, 0),
    "E12000002": (0, 3),
    "E12000003": (11, 4),
    "E12000004": (8, 9),
    "E12000005": (2, 9),
    "E12000006": (12, 11),
    "E12000007": (10, 16),
    "E12000008": (4, 14),
    "E12000009": (0, 16),
}
"""Where the name of a region stands: column and row of free ground beside it."""

STEPS = ((0, "fewer than 15"), (15, "15 to 25"), (30, "30 to 45"), (50, "50 or more"))
"""From how many places a tile has its shade. Counts are rounded to 5, so the words leave no gap."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One local authority: where its square stands and what is written in it."""

    code: str
    short: str
    name: str
    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Map:
    """All tiles, the regions' names, and how large the drawing is."""

    tiles: tuple[Tile, ...]
    regions: tuple[tuple[str, int, int], ...]
    width: int
    height: int


@cache
def england() -> Map:
    """The map: every live English local authority of the standard's list that has a place in it."""
    names = dict(pair.split() for pair in _NAMES.replace("\n", "|").split("|") if pair)
    known = {authority.code: authority.name for authority in local_authorities() if authority.live}
    rows = [line.split() for line in _GRID.strip().splitlines()]
    step = SIZE + GAP
    tiles = tuple(
        Tile(names[short], short, known[names[short]], column * step, row * step + TOP)
        for row, cells in enumerate(rows)
        for column, short in enumerate(cells)
        if short != "." and names[short] in known
    )
    titles = tuple(
        (found.name, column * step, row * step + TOP + SIZE - 8)
        for code, (column, row) in _REGIONS.items()
        if (found := region(code)) is not None
    )
    return Map(tiles, titles, max(map(len, rows)) * step, len(rows) * step + TOP)


def step_of(places: int | None) -> str:
    """The shade of a count, by number; `kept` for one that is kept back."""
    if places is None:
        return "kept"
    return str(max(number for number, (least, _words) in enumerate(STEPS, start=1) if places >= least))
