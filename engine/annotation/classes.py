"""What a class is: one entry of the feature library. What can be done to a list of them is in `feature_library`."""

from pydantic import BaseModel, ConfigDict, Field

PALETTE = (
    "#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7", "#999999",
    "#882255", "#44AA99", "#DDCC77", "#332288", "#CC6677", "#117733", "#AA4499", "#661100",
)  # fmt: skip
"""Colours that stay apart for colour-blind readers (Okabe and Ito, 2008; then Tol's muted scheme, 2021): class *n*
takes the n-th. The viewer's own list (`palette.js`) is the same."""

MOST_LABEL = 65535
"""The largest label number that a 16-bit label map holds."""


class ObjectClass(BaseModel):
    """One class of the feature library: what an object or a label can be. Keys that are not known here are kept."""

    model_config = ConfigDict(extra="allow")

    name: str = Field(min_length=1)
    label: int = Field(ge=1, le=MOST_LABEL)
    colour: str = Field(pattern=r"^#[0-9A-Fa-f]{6}$")
    radius: float = Field(gt=0, description="Å")
    notes: str = ""
