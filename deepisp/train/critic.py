"""The other side of adversarial training: a discriminator that learns beside the network. Off unless asked."""

from typing import Any

import torch
from torch import Tensor

from deepisp.train import adversarial
from deepisp.train.spread import Spread

_RATE = 1e-4  # X. Wang et al., "ESRGAN", ECCV workshops 2018, section 4.1


class Critic:
    """A discriminator of pictures (B, 3, H, W), display-coded, and its optimizer."""

    def __init__(self, seed: int, device: torch.device) -> None:
        """Untrained."""
        torch.manual_seed(seed)
        self.net = adversarial.PatchDiscriminator().to(device)
        self.optimizer = torch.optim.Adam(self.net.parameters(), _RATE)

    def loss(self, output: Tensor, truth: Tensor) -> Tensor:
        """What the network should make small, besides its own loss."""
        with torch.no_grad():
            true = self.net(truth)
        return adversarial.generator_loss(true, self.net(output))

    def learn(self, output: Tensor, truth: Tensor, *, spread: Spread) -> None:
        """One step of the discriminator, by what the network gave."""
        loss = adversarial.discriminator_loss(self.net(truth), self.net(output))
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        spread.mean_([one.grad for one in self.net.parameters() if one.grad is not None])
        self.optimizer.step()

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {"net": self.net.state_dict(), "optimizer": self.optimizer.state_dict()}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.net.load_state_dict(state["net"])
        self.optimizer.load_state_dict(state["optimizer"])
