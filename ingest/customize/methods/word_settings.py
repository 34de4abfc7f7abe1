"""Settings of the methods whose V* is a rare word of the base: what they train besides is their own."""

from dataclasses import dataclass

from ....store import InvalidInputError
from ..settings import TrainingConfig


@dataclass(frozen=True)
class WordConfig(TrainingConfig):
    """Settings of a method with a word for V*.

    Attributes:
        word: what `V*` becomes in prompts: words of the base, whose embeddings stay.
        accumulate: batches whose gradients make a step.

    Raises InvalidInputError for a setting that cannot work.
    """

    iterations: int = 500
    lr: float = 1e-4
    batch_size: int = 1
    augment: str = "none"
    word: str = "sks"
    accumulate: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        self._require_counts("accumulate")
        if not isinstance(self.word, str) or not self.word.strip():
            raise InvalidInputError(f"word is {self.word!r}", hint="use a rare word of the base, such as sks")

    @property
    def token(self) -> str:
        """The word that `V*` becomes."""
        return self.word


@dataclass(frozen=True)
class PriorConfig(WordConfig):
    """Settings of DreamBooth's prior preservation (arXiv:2208.12242).

    Attributes:
        prior_images: pictures of the training prompts without V* that the base draws, and that the model is
            trained to go on drawing; 0 is no prior preservation.
        prior_weight: of their loss, beside that of the exemplars.
        prior_steps: steps that they are drawn with.
        prior_guidance: guidance that they are drawn with.

    Raises InvalidInputError for a setting that cannot work.
    """

    prior_images: int = 0
    prior_weight: float = 1.0
    prior_steps: int = 50
    prior_guidance: float = 7.5

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.prior_images < 0:
            raise InvalidInputError(f"prior_images is {self.prior_images}", hint="use 0 or more")
        self._require_counts("prior_steps")
        self._require_positive("prior_weight", "prior_guidance")
