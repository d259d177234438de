"""Fit a batch of faces with the torch layer: to landmarks in 3D, to landmarks of one photograph (2D), and to scans.

    python examples/fit_landmarks_torch.py             prints what each fit came to (a minute on one core)

The faces are the generator's own, so the errors are those of synthetic infants and no clinical figures. On a GPU say
`layer.to("cuda")` and make the targets there; nothing else changes (the CUDA path was not run by us).
"""

import torch

from inface import load_default_model
from inface.synthetic import cohort
from inface.torch_layer import InfaceLayer

FACES, NOISE = 8, 1.0  # mm of noise on each landmark


def minimise(latent: torch.Tensor, loss, steps: int = 60) -> torch.Tensor:
    """All faces at once: one LBFGS over the whole batch."""
    latent = latent.clone().requires_grad_()
    optimiser = torch.optim.LBFGS([latent], max_iter=steps, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimiser.zero_grad()
        value = loss(latent)
        value.backward()
        return value

    optimiser.step(closure)
    return latent.detach()


def fit_3d(layer: InfaceLayer, marks: torch.Tensor) -> torch.Tensor:
    """Codes `(B, K)` of 3D landmarks `(B, L, 3)`: the most probable ones under the noise and the model's prior."""
    start = layer.latent_mean.repeat(len(marks), 1)
    return minimise(
        start, lambda z: ((layer.landmarks_of(z) - marks) ** 2).sum() / (2 * NOISE**2) + layer.prior(z).sum()
    )


def fit_2d(layer: InfaceLayer, marks: torch.Tensor) -> torch.Tensor:
    """Codes of landmarks `(B, L, 2)` of one frontal view, scale and shift unknown. Depth is not told by one view: the
    prior fills it in."""

    def loss(z: torch.Tensor) -> torch.Tensor:
        flat = layer.landmarks_of(z)[..., :2]
        own, seen = flat - flat.mean(1, keepdim=True), marks - marks.mean(1, keepdim=True)
        scale = (own * seen).sum((1, 2), keepdim=True) / (own**2).sum((1, 2), keepdim=True)
        return ((scale * own - seen) ** 2).sum() / (2 * NOISE**2) + layer.prior(z).sum()

    return minimise(layer.latent_mean.repeat(len(marks), 1), loss)


def fit_scans(layer: InfaceLayer, scans: torch.Tensor, start: torch.Tensor, rounds: int = 4) -> torch.Tensor:
    """Codes of scans `(B, P, 3)` in the model's pose: nearest points anew in each round, then a fit to them."""
    latent = start
    for _ in range(rounds):
        with torch.no_grad():
            near = torch.cdist(scans, layer(latent)).argmin(-1)

        def loss(z: torch.Tensor, near: torch.Tensor = near) -> torch.Tensor:
            found = torch.gather(layer(z), 1, near[..., None].expand(-1, -1, 3))
            return ((found - scans) ** 2).sum() / (2 * NOISE**2) + layer.prior(z).sum()

        latent = minimise(latent, loss, 15)
    return latent


def main() -> None:
    torch.manual_seed(0)
    layer = InfaceLayer(load_default_model("pca"), encoders=False)
    truth = torch.as_tensor(cohort(FACES, 1, seed=77).shapes)
    marks = layer.landmarks(truth)
    marks = marks + NOISE * torch.randn_like(marks)
    mean = layer(layer.latent_mean.repeat(FACES, 1))

    def error(vertices: torch.Tensor) -> str:
        return f"{float((vertices - truth).norm(dim=-1).mean()):.2f} mm a vertex"

    print("the mean face:", error(mean))
    told = fit_3d(layer, marks)
    print(f"{len(layer.landmark_names)} landmarks in 3D:", error(layer(told)))
    print("the same in one frontal view:", error(layer(fit_2d(layer, marks[..., :2]))), "(depth is not told)")
    scans = truth[:, torch.randperm(truth.shape[1])[:2000]] + 0.3 * torch.randn(FACES, 2000, 3)
    print("2,000 points of a scan:", error(layer(fit_scans(layer, scans, told))))


if __name__ == "__main__":
    main()
