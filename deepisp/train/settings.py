"""What a training run is: everything that decides its result, in one TOML file or on the command line."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from deepisp.checked import Checked

NetworkName = Literal["jdd", "dark", "chen", "gharbi", "dncnn", "autoencoder", "srresnet", "kpn"]
LossName = Literal["l1", "l2", "charbonnier", "gradients", "frequencies", "ssim", "ms-ssim", "ms-ssim+l1"]


class TrainSettings(Checked, frozen=True, extra="forbid"):
    """A run of joint demosaicing and denoising. A wrong value raises a ValueError of one line."""

    cfa: str = Field("RGGB", description="cell of R, G and B at the top left of every crop")
    network: NetworkName = Field(
        "jdd", description="deepisp's own, or a published one for comparison, of its published size"
    )
    width: int = Field(48, ge=4, le=512, description="channels of each layer of jdd; of dark's first, 16")
    blocks: int = Field(4, ge=1, le=64, description="residual blocks of jdd; steps at the last scale of dark")
    biased: bool = Field(False, description="layers of jdd with biases")
    start: str | None = Field(
        None, description="weights to begin from: a file, or the name of a shipped network"
    )
    steps: int = Field(60_000, ge=1, description="optimizer steps")
    batch: int = Field(16, ge=1, le=4096, description="crops a step")
    crop: int = Field(64, ge=16, le=1024, description="side of a crop, in pixels")
    physical: float = Field(
        0.3,
        ge=0,
        le=1,
        description="share of the crops in a camera's linear light; the rest is display-coded",
    )
    sigma: float = Field(20.0, ge=0, le=100, description="largest noise of display-coded crops, of 255")
    clean: float = Field(0.25, ge=0, le=1, description="share of the display-coded crops without noise")
    noisy: float = Field(
        0.0, ge=0, le=1, description="share of the samples that are pairs of noisy frames, see noise2noise.py"
    )
    dark: str | None = Field(
        None,
        description="dark-simulated, or a protocol like it (.toml): all mosaics are of its cameras in low light",
    )
    truth: Literal["light", "pictures"] = Field(
        "light",
        description="of real pairs: linear light, or LibRaw's pictures as chen's authors, see datasets pack",
    )
    loss: LossName = Field("l1", description="what is made small, see losses.py")
    perceptual: float = Field(
        0.0, ge=0, le=100, description="weight of a loss by a network for recognition, see features"
    )
    features: str | None = Field(
        None, description="MODULE:NAME of that network, a callable in Python, see train/perceptual.py"
    )
    adversarial: float = Field(
        0.0,
        ge=0,
        le=100,
        description="weight of a loss by a discriminator that learns beside, 24 pixels a crop or more",
    )
    optimizer: Literal["adamw", "muon"] = Field(
        "adamw",
        description="how weights take a step; muon needs torch 2.9 or later, see optimizers.py",
    )
    rate: float = Field(1e-3, gt=0, le=1, description="largest learning rate; it falls as a cosine")
    warmup: int = Field(200, ge=0, description="steps in which the rate rises")
    decay: float = Field(1e-4, ge=0, description="weight decay")
    average: float = Field(0.999, ge=0, lt=1, description="decay of the weights' running mean (EMA)")
    clip: float = Field(1.0, gt=0, description="largest norm of the gradient")
    mining_every: int = Field(0, ge=0, description="steps after which hard crops are searched; 0 for never")
    mining_power: float = Field(0.5, ge=0, le=4, description="power of a crop's error that weights it")
    precision: Literal["bf16", "fp32"] = Field("bf16", description="arithmetic of the network's layers")
    seed: int = Field(0, ge=0, description="of everything random")
    save_every: int = Field(1000, ge=1, description="steps between checkpoints")
    log_every: int = Field(100, ge=1, description="steps between lines of the log")

    @model_validator(mode="before")
    @classmethod
    def _own_size(cls, values: Any) -> Any:
        """Where no size is given, the network's own."""
        is_dark = isinstance(values, dict) and values.get("network") == "dark"
        return {"width": 16, "blocks": 4} | values if is_dark else values

    @property
    def size(self) -> dict[str, int]:
        """Settings of the network, as `family.build` takes them; the published ones come in one size."""
        sized = {"width": self.width, "blocks": self.blocks}
        return {"jdd": sized | {"has_bias": self.biased}, "dark": sized}.get(self.network, {})

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if bool(self.perceptual) != (self.features is not None):
            raise ValueError("perceptual and features go together: give both or none")
        if self.dark is not None and (self.mining_every or self.noisy):
            raise ValueError("dark goes without mining and noisy pairs: leave those out")
        return self
