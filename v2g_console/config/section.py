"""What the sections of the configuration are made of: their base and the ranges that several share."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Ratio = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NonNegative = Annotated[float, Field(ge=0.0)]
Qos = Literal[0, 1, 2]
Port = Annotated[int, Field(ge=0, le=65535)]
OR_EMPTY = Field(json_schema_extra={"type": ["array", "null"]})  # `nodes:` with nothing below it, as in the example


class Section(BaseModel):
    """A part of the configuration. Keys it does not know are errors; what was entered is not in their messages, it may be a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)
