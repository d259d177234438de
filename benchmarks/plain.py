"""The plain ways that `core.py` measures against: written as one would at first, each result in float64."""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu


def pca_decode(components, mean, latent):
    """One matrix product in float64: numpy up-casts the float32 components at each call."""
    return (latent.astype(np.float64) @ components).reshape(mean.shape) + mean


def pca_encode(components, mean, vertices):
    """One mesh in float64: numpy up-casts the components at each call."""
    return components @ (vertices.astype(np.float64) - mean).reshape(-1)


def pca_partial_encode(components, mean, vertices, known):
    """Least squares by a singular value decomposition of the whole masked float64 basis."""
    rows = np.repeat(known, 3)
    basis = components.astype(np.float64).T * rows[:, None]
    residual = np.where(known[:, None], vertices.astype(np.float64) - mean, 0).reshape(-1)
    u, s, vt = np.linalg.svd(basis, full_matrices=False)
    return vt.T @ ((u.T @ residual) / s)


def back_match(adjacency, reconstruction, vertices, known, *, drop_zeros=False):
    """Umbrella system over ALL vertices, the rows of the known ones zeroed and 1 on their diagonal, factored each time.

    `drop_zeros` takes the zeros out of the pattern first, which leaves SuperLU little more than the unknown block.
    """
    count = len(known)
    umbrella = sparse.eye_array(count) - sparse.diags_array(1.0 / np.maximum(adjacency.sum(1), 1)) @ adjacency
    system = umbrella.tocsr()
    system.data[np.repeat(known, np.diff(system.indptr))] = 0
    system.setdiag(1)
    if drop_zeros:
        system.eliminate_zeros()
    residual = np.where(known[:, None], vertices - reconstruction, 0).astype(np.float64)
    return reconstruction + splu(system.tocsc()).solve(residual)


def adjacency_lists(count, triangles):
    """Neighbours of every vertex by a Python loop over the triangles."""
    neighbours = [set() for _ in range(count)]
    for a, b, c in triangles:
        neighbours[a].update((b, c))
        neighbours[b].update((a, c))
        neighbours[c].update((a, b))
    return neighbours


def network(net, x, *, last_activation):
    """A fully connected network on one float64 vector: numpy up-casts every weight matrix at each call."""
    h = x.astype(np.float64)
    for i, (weight, bias) in enumerate(zip(net.weights, net.biases, strict=True)):
        h = weight @ h + bias
        if last_activation or i < len(net.weights) - 1:
            h = np.where(h > 0, h, net.slope * h)
    return h


def ae_encode(model, vertices):
    """Every encoder on one mesh."""
    x = (vertices - model.mean_vertices).reshape(-1)
    return np.concatenate([network(net, x, last_activation=True) for net in model.encoders.values()])


def ae_decode(model, latent):
    """The decoder on one latent."""
    out = network(model.decoder, latent, last_activation=False)
    return out.reshape(-1, 3) + model.mean_vertices


def transfer_expression(model, source, target):
    """Both meshes through every encoder, the expression swapped, decoded."""
    mixed, other = ae_encode(model, target), ae_encode(model, source)
    block = model.blocks["expression"]
    mixed[block] = other[block]
    return ae_decode(model, mixed)
