"""Parameters and FLOPs of a micro ladder model, by one formula without torch.

A multiplication and an addition count as one FLOP each. Per token, training does

- ``6 * matmul_params``: two FLOPs forward and four backward for each weight of
  the block matrices and of the output head. The input embedding is a look-up
  and does not count;
- ``6 * layers * width * (context + 1)``: causal attention. A query meets
  ``(context + 1) / 2`` keys on average; scores and mixing take ``2 * width``
  FLOPs each per key forward, and twice that backward.

Norms, activations, the softmax and the optimiser do not count.
"""


def matmul_params(width: int, layers: int, vocabulary: int) -> int:
    """Weights that take part in matrix products, with the output head."""
    return 12 * layers * width * width + width * vocabulary


def total_params(width: int, layers: int, vocabulary: int) -> int:
    """All weights: those of the matrix products and the input embedding."""
    return matmul_params(width, layers, vocabulary) + width * vocabulary


def flops_per_token(width: int, layers: int, vocabulary: int, context: int) -> int:
    """Training FLOPs per token.

    Parameters
    ----------
    width, layers : int
        Shape of the model.
    vocabulary : int
        Number of distinct characters.
    context : int
        Length of a training window, in characters.

    Returns
    -------
    int
        FLOPs of one forward and backward pass, per token.
    """
    attention = 6 * layers * width * (context + 1)
    return 6 * matmul_params(width, layers, vocabulary) + attention


def training_flops(width: int, layers: int, vocabulary: int, context: int, tokens: int) -> int:
    """Training FLOPs of a whole run over this many tokens."""
    return flops_per_token(width, layers, vocabulary, context) * tokens
