"""Decoder-only character transformer of the micro ladder."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Pre-norm block: causal self-attention with rotary positions, then an MLP."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Map activations of shape (batch, length, width) to the same shape."""
        batch, length, width = x.shape
        heads, dim = self.heads, width // self.heads
        qkv = self.qkv(F.rms_norm(x, (width,)))
        query, key, value = qkv.view(batch, length, 3, heads, dim).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(rotate(query, cos, sin), rotate(key, cos, sin), value, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        hidden = F.relu(self.up(F.rms_norm(x, (width,)))).square()
        return x + self.down(hidden)


class Transformer(nn.Module):
    """Character model with an input embedding and an untied output head.

    Parameters
    ----------
    vocabulary : int
        Number of distinct characters.
    width, layers, heads : int
        Shape of the model; ``width / heads`` must be even.
    context : int
        Longest input, in characters.
    """

    def __init__(self, vocabulary: int, width: int, layers: int, heads: int, context: int) -> None:
        super().__init__()
        self.embed = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.head = nn.Linear(width, vocabulary, bias=False)
        cos, sin = rotary_tables(context, width // heads)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.reset(layers)

    def reset(self, layers: int) -> None:
        """Draw the starting weights from torch's global generator."""
        nn.init.normal_(self.embed.weight, std=1.0)
        nn.init.zeros_(self.head.weight)
        for block in self.blocks:
            for linear in (block.qkv, block.up, block.out, block.down):
                nn.init.normal_(linear.weight, std=linear.in_features**-0.5)
            block.out.weight.data /= math.sqrt(2 * layers)
            block.down.weight.data /= math.sqrt(2 * layers)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits of shape (batch, length, vocabulary) for token ids."""
        length = tokens.shape[1]
        cos, sin = self.cos[:length], self.sin[:length]
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x, cos, sin)
        return self.head(F.rms_norm(x, (x.shape[-1],)))


def rotary_tables(context: int, dim: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines of shape (context, dim / 2) for rotary positions."""
    rates = 1000.0 ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)
    angles = torch.arange(context, dtype=torch.float64)[:, None] * rates
    return angles.cos().float(), angles.sin().float()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the halves of the last axis by position-dependent angles."""
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)
