"""Where postcode sectors lie: as near as anything here comes to a home's place."""

from sqlmodel import Field, SQLModel


class PostcodeSector(SQLModel, table=True):
    """The middle of a postcode sector, from the Office for National Statistics' postcode lookup."""

    __tablename__ = "postcode_sector"

    sector: str = Field(primary_key=True, max_length=8)  # outward code, space, digit: "SE13 5"
    latitude: float
    longitude: float
    postcodes: int  # live ones that the middle is the mean of
