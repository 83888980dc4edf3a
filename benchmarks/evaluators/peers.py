"""The label-free numbers beside those of reptrix, on the same features; `pip install --no-deps reptrix` first.

reptrix fits α over j = 11…100 (its 10…99 count from 0). It calls the entropy rank of *covariance eigenvalues of the
centred features* RankMe, where the paper takes singular values of the features as they are; and the spectrum that it
takes for LiDAR is that of the covariance of the rows of Σ_w^−½ Σ_b Σ_w^−½, where the paper takes that matrix's own
eigenvalues. The columns "their quantity" recompute each in our arithmetic, so that what is left is definition.
"""

import sys

import numpy as np
import torch
from scipy.linalg import eigh, sqrtm

from swaveval.evaluators.lidar import lidar
from swaveval.evaluators.moments import measure
from swaveval.evaluators.spectrum import direct_spectra, effective_rank, power_law
from swaveval.features.features import Features


def main() -> None:
    try:
        from reptrix import alpha, rankme
        from reptrix import lidar as their_lidar
    except ImportError:
        sys.exit("reptrix is not installed: python -m pip install --no-deps reptrix")
    print("      n    d | alpha: ours, theirs, their quantity | RankMe: likewise | LiDAR: likewise")
    for n, d, q in ((600, 128, 8), (300, 110, 4), (1000, 256, 4)):
        draw = np.random.default_rng(n)
        scales = np.arange(1, d + 1) ** -0.5
        z = (draw.normal(size=(n, d)) * scales + 0.3).astype(np.float32)
        views = (z[:, None] + 0.3 * draw.normal(size=(n, q, d)) * scales[::-1]).astype(np.float32)
        moments, _ = measure(Features(train=z, test=z[:0]), [np.arange(n)])
        values = direct_spectra(z.astype(np.float64), moments)
        theirs = (
            float(alpha.get_alpha(torch.from_numpy(z))[0]),
            float(rankme.get_rankme(torch.from_numpy(z))),
            float(their_lidar.get_lidar(torch.from_numpy(views), n, q, del_sigma_augs=1e-4)),
        )
        ours = power_law(values.eigenvalues).alpha, effective_rank(values.singular), lidar(views)
        j = np.arange(11, 101)
        shifted = -np.polyfit(np.log(j), np.log(values.eigenvalues[j - 1]), 1, w=np.sqrt(1 / j))[0]
        same = effective_rank(values.eigenvalues), effective_rank(_rows_of_lidar(views.astype(np.float64)))
        print(
            f"{n:7d} {d:4d} | {ours[0]:.6f} {theirs[0]:.6f} {shifted:.6f} | "
            f"{ours[1]:.3f} {theirs[1]:.3f} {same[0]:.3f} | "
            f"{ours[2]:.3f} {theirs[2]:.3f} {same[1]:.3f}"
        )


def _rows_of_lidar(views: np.ndarray) -> np.ndarray:
    """Covariance eigenvalues of the rows of the LiDAR matrix, with reptrix's sum over views in Σ_w."""
    means = views.mean(axis=1, keepdims=True)
    within = np.einsum("mqi,mqj->ij", views - means, views - means) / len(views) + 1e-4 * np.eye(views.shape[2])
    between = (means - means.mean(axis=0))[:, 0]
    root = np.real(sqrtm(np.linalg.inv(within)))
    matrix = root @ (between.T @ between) @ root
    return np.maximum(eigh(np.cov(matrix.T), eigvals_only=True)[::-1], 0)


if __name__ == "__main__":
    main()
