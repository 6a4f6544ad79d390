"""Settings of the loss: which parts are summed, the weight of each, and its options.

The names, options and defaults of the parts come from the tables of losses and penalties; none is written here.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, create_model, field_validator, model_validator
from pydantic_core import core_schema
from torch import Tensor

from hepareg.errors import HeparegError
from hepareg.regularisation import REGULARISERS
from hepareg.similarity import IMAGE_LOSSES, LABEL_LOSSES
from hepareg.training.loss_options import operands_of, options_of

__all__ = ["LossSettings", "LossTerm"]

Family = Mapping[str, Callable[..., Tensor]]

DEFAULT: Any = {"mind": 1.0}
"""Similarity of the loss if the settings name none."""


class LossTerm(BaseModel):
    """Weight and options of one part of the loss; a subclass for each part adds its options."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    weight: float = 1.0

    @field_validator("weight")
    @classmethod
    def _positive(cls, weight: float) -> float:
        if not weight > 0:
            raise ValueError("expected positive weights; leave a loss out instead of giving it zero")
        return weight

    def options(self) -> dict[str, Any]:
        """Return the options by name, defaults included."""
        return {name: getattr(self, name) for name in type(self).model_fields if name != "weight"}


def _terms_of(family: Family) -> GetPydanticSchema:
    """Return a pydantic schema for the terms of a loss: ``{name: weight}`` or ``{name: {weight: ..., option: ...}}``.

    ``family`` maps the name of each loss to its function, whose keyword arguments are the options.
    """
    models = {name: create_model(name, __base__=LossTerm, **_fields(loss)) for name, loss in family.items()}

    def schema(_source: Any, handler: Callable[[Any], core_schema.CoreSchema]) -> core_schema.CoreSchema:
        terms = {name: core_schema.typed_dict_field(handler(model), required=False) for name, model in models.items()}
        by_name = core_schema.typed_dict_schema(terms, extra_behavior="forbid")
        return core_schema.no_info_before_validator_function(lambda value: _spelled_out(value, models), by_name)

    return GetPydanticSchema(schema)


def _fields(loss: Callable[..., Tensor]) -> dict[str, Any]:
    return dict(options_of(loss))


def _spelled_out(value: Any, models: Mapping[str, type[LossTerm]]) -> Any:
    """Return the terms with every plain weight written as ``{weight: ...}``; check all names and option names."""
    if not isinstance(value, Mapping):
        raise ValueError("expected names with weights, such as {mse: 1.0}")
    terms = {}
    for name, term in value.items():
        if name not in models:
            raise ValueError(f"expected some of {', '.join(models)}, got {name!r}")
        known = models[name].model_fields
        if not isinstance(term, (Mapping, LossTerm)):
            term = {"weight": term}
        unknown = [] if isinstance(term, LossTerm) else [option for option in term if option not in known]
        if unknown:
            raise ValueError(f"expected of {name} only {', '.join(known)}, got {', '.join(map(repr, unknown))}")
        terms[name] = term
    return terms


class LossSettings(BaseModel):
    """Weighted sum of losses. A loss that is not named is not computed.

    Each part is given as a weight, ``{mind: 1.0}``, or with options, ``{mind: {weight: 1.0, radius_mm: 2.0}}``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    similarity: Annotated[dict[str, LossTerm], _terms_of(IMAGE_LOSSES)] = Field(
        default=DEFAULT, description="losses on the warped image, inside the fixed mask"
    )
    labels: Annotated[dict[str, LossTerm], _terms_of(LABEL_LOSSES)] = Field(
        default={}, description="losses on the warped liver mask; both masks are needed"
    )
    regularisation: Annotated[dict[str, LossTerm], _terms_of(REGULARISERS)] = Field(
        default={}, description="penalties on the predicted transform"
    )
    mask_margin_mm: float = Field(
        default=8.0, ge=0, description="the fixed mask is widened by this length for the similarity"
    )

    @model_validator(mode="after")
    def _something_to_minimise(self) -> "LossSettings":
        if not any((self.similarity, self.labels)):
            raise ValueError("expected at least one loss in loss.similarity or loss.labels, got none")
        return self

    @model_validator(mode="after")
    def _options_are_usable(self) -> "LossSettings":
        for table, terms in (
            (IMAGE_LOSSES, self.similarity), (LABEL_LOSSES, self.labels), (REGULARISERS, self.regularisation),
        ):  # fmt: skip
            for name, term in terms.items():
                try:
                    _compute_once(table[name], term)
                except HeparegError as error:
                    raise ValueError(f"expected options that {name} can use: {error}") from error
        return self

    def penalties_that_require(self, operand: str) -> list[str]:
        """Return the names of the chosen penalties that cannot do without a part of the prediction."""
        chosen = {name: REGULARISERS[name] for name in self.regularisation}
        return [name for name, penalty in chosen.items() if operand in operands_of(penalty, required_only=True)]


def _compute_once(loss: Callable[..., Tensor], term: LossTerm) -> None:
    """Compute a loss on a tiny pair, so that the loss refuses its options before the training and not during it."""
    image, field, eye = torch.linspace(-1, 1, 64).reshape(1, 1, 4, 4, 4), torch.zeros(1, 3, 4, 4, 4), torch.eye(4)[None]
    operands = {
        "fixed": image, "warped": image, "spacing_mm": (50.0, 50.0, 50.0), "world_from_voxel": eye, "shape": (4, 4, 4),
        "matrix": eye, "backward_matrix": eye, "displacement": field, "backward_displacement": field,
    }  # fmt: skip
    loss(**{name: operands[name] for name in operands_of(loss, required_only=True)}, **term.options())
