"""The trained runs of the bank."""

from dataclasses import replace

from benchmarks.verdicts.methods import Joint
from benchmarks.verdicts.recipes import Recipe

RISING = Recipe(schedule="constant", epochs=7)
LONG = Recipe(epochs=18)
COLLAPSING = Recipe(prototypes=30, epsilon=0.05, frozen_steps=20, learning_rate=1e-3, small_crops=True)

CIFAR, FLOWERS, TEXTURES, CLOTHING = "cifar10-12k", "flowers5", "textures10", "clothing-flat"


def photos(images: str, *, epochs: int, prototypes: int = 100) -> Recipe:
    """SwaV on photos, stopped while quality may still rise."""
    return Recipe(images=images, width=32, schedule="constant", epochs=epochs, prototypes=prototypes)


FIRST: dict[str, Recipe | Joint] = {
    # Stopped while quality still rises.
    "rising-k100": RISING,
    "rising-k30": replace(RISING, prototypes=30, epsilon=0.02),
    "rising-k300": replace(RISING, prototypes=300),
    "rising-k1000-through-ln-k": replace(RISING, prototypes=1000, epsilon=0.05, epochs=9),
    "rising-above-ln-k": replace(RISING, prototypes=300, temperature=0.03, epochs=9),
    # The mission's case: a high temperature holds the loss within 3 % of ln K.
    "flat-t3": replace(RISING, temperature=3.0),
    "flat-t3-seed2": replace(RISING, temperature=3.0, seed=2),
    "flat-t3-k300": replace(RISING, temperature=3.0, prototypes=300),
    "flat-t5": replace(RISING, temperature=5.0),
    "flat-t3-long": replace(LONG, temperature=3.0),
    # Trained to the end of the schedule and past the rise.
    "long-k100": LONG,
    "long-k100-again": replace(LONG, seed=2),
    # Collapsed, in several ways.
    "collapsed-k30": replace(COLLAPSING, seed=2),
    "collapsed-epsilon": Recipe(epsilon=0.1),
    "collapsed-epsilon-seed2": Recipe(epsilon=0.1, seed=2),
    "collapsed-epsilon-k30": Recipe(epsilon=0.1, prototypes=30),
    # Look-alikes of flat-t3: the loss stays as near to ln K, and a large epsilon teaches nothing.
    "flat-epsilon.3-t3": Recipe(epsilon=0.3, temperature=3.0),
    "flat-epsilon1-t3": Recipe(epsilon=1.0, temperature=3.0),
    "flat-epsilon.3-t1": Recipe(epsilon=0.3, temperature=1.0),
    "flat-k30-t1": replace(COLLAPSING, epsilon=0.3, temperature=1.0, seed=2),
    # Not learning.
    "rate-too-low": replace(RISING, learning_rate=1e-7),
    "rate-too-low-t3": replace(RISING, learning_rate=1e-7, temperature=3.0),
    "rate-too-high": Recipe(learning_rate=0.3),
    "frozen-backbone": Recipe(frozen="backbone"),
    "prototypes-only": Recipe(frozen="all but prototypes"),
    # Few prototypes: kNN, which has no room on digits, hardly moves.
    "k10": Recipe(prototypes=10, epochs=15),
    # Other methods on digits.
    "digits-simclr": Joint(images="digits", method="simclr", step_zero=True),
    "digits-barlow": Joint(images="digits", method="barlow"),
    "digits-byol": Joint(images="digits", method="byol", step_zero=True),
    "digits-byol-collapsed": Joint(images="digits", method="byol without predictor", epochs=8),
    # SwaV on photos.
    "cifar-swav": photos(CIFAR, epochs=7),
    "cifar-swav-t3": replace(photos(CIFAR, epochs=7), temperature=3.0),
    "flowers-swav": photos(FLOWERS, epochs=10),
    "flowers-swav-k1000": photos(FLOWERS, epochs=10, prototypes=1000),
    "flowers-swav-long": replace(photos(FLOWERS, epochs=20), schedule="cosine"),
    "textures-swav": photos(TEXTURES, epochs=30),
    "clothing-swav": photos(CLOTHING, epochs=12),
    "clothing-swav-t3": replace(photos(CLOTHING, epochs=12), temperature=3.0),
    "cifar-swav-epsilon": replace(photos(CIFAR, epochs=6), epsilon=0.1),
    "flowers-swav-epsilon": replace(photos(FLOWERS, epochs=10), epsilon=0.1),
    "clothing-swav-epsilon-k30": replace(photos(CLOTHING, epochs=12, prototypes=30), epsilon=0.1),
    "flowers-swav-without-sinkhorn": replace(photos(FLOWERS, epochs=8), sinkhorn_iterations=0),
    "clothing-swav-epsilon1-t3": replace(photos(CLOTHING, epochs=8), epsilon=1.0, temperature=3.0),
    "flowers-swav-frozen-backbone": replace(photos(FLOWERS, epochs=5), frozen="backbone"),
    "clothing-swav-prototypes-only": replace(photos(CLOTHING, epochs=5), frozen="all but prototypes"),
    "cifar-swav-rate-too-low": replace(photos(CIFAR, epochs=5), learning_rate=1e-7),
    "clothing-swav-rate-too-high": replace(photos(CLOTHING, epochs=8), learning_rate=0.3),
    # Other methods on photos; by epochs and by steps, with and without the untrained network.
    "cifar-simclr": Joint(images=CIFAR, method="simclr", epochs=8, step_zero=True),
    "cifar-barlow": Joint(images=CIFAR, method="barlow", epochs=8),
    "cifar-byol": Joint(images=CIFAR, method="byol", epochs=8),
    "cifar-simclr-vit": Joint(
        images=CIFAR, method="simclr", network="vit", learning_rate=1e-3, epochs=6, step_zero=True
    ),
    "flowers-simclr": Joint(images=FLOWERS, method="simclr", epochs=12, step_zero=True),
    "flowers-simclr-by-steps": Joint(images=FLOWERS, method="simclr", epochs=8, every=5, seed=2),
    "flowers-barlow-long": Joint(images=FLOWERS, method="barlow", epochs=20, constant=False, step_zero=True),
    "flowers-byol": Joint(images=FLOWERS, method="byol", epochs=12),
    "textures-simclr-sixty": Joint(images=TEXTURES, method="simclr", epochs=60),
    "textures-barlow": Joint(images=TEXTURES, method="barlow", epochs=30, step_zero=True),
    "clothing-simclr": Joint(images=CLOTHING, method="simclr", epochs=12, step_zero=True),
    "clothing-barlow": Joint(images=CLOTHING, method="barlow", epochs=12),
    "clothing-simclr-vit": Joint(images=CLOTHING, method="simclr", network="vit", learning_rate=1e-3, epochs=8),
    # Nothing holds the two sides apart: they meet in one point.
    "cifar-byol-collapsed": Joint(images=CIFAR, method="byol without predictor", epochs=5),
    "flowers-byol-collapsed": Joint(images=FLOWERS, method="byol without predictor", epochs=8, step_zero=True),
    "clothing-byol-collapsed": Joint(images=CLOTHING, method="byol without predictor", epochs=6),
    "textures-byol-collapsed": Joint(images=TEXTURES, method="byol without predictor", epochs=12, step_zero=True),
    # Rates too low and too high.
    "cifar-simclr-rate-too-low": Joint(images=CIFAR, method="simclr", learning_rate=1e-7, epochs=5, step_zero=True),
    "flowers-barlow-rate-too-low": Joint(images=FLOWERS, method="barlow", learning_rate=1e-7, epochs=8),
    "textures-simclr-rate-too-low": Joint(
        images=TEXTURES, method="simclr", learning_rate=1e-7, epochs=12, step_zero=True
    ),
    "cifar-simclr-rate-too-high": Joint(images=CIFAR, method="simclr", learning_rate=0.5, epochs=5, step_zero=True),
}

# Written down, and their truth measured, when the verdict stood as it is: nothing in it was fitted to any of these.
# Other seeds, other failures (the loss's temperature, its weights), and two methods the first ones have not.
SECOND: dict[str, Recipe | Joint] = {
    # SwaV that learns, or may.
    "digits-swav-seed3": replace(RISING, seed=3),
    "digits-swav-k50": Recipe(prototypes=50, seed=4),
    "digits-swav-rate-low": replace(RISING, learning_rate=2e-5, seed=3),
    "cifar-swav-seed2": replace(photos(CIFAR, epochs=7), seed=2),
    "cifar-swav-k30": photos(CIFAR, epochs=6, prototypes=30),
    "flowers-swav-seed2": replace(photos(FLOWERS, epochs=14), seed=2),
    "flowers-swav-t3": replace(photos(FLOWERS, epochs=10), temperature=3.0),
    "textures-swav-seed2": replace(photos(TEXTURES, epochs=30), seed=2),
    "clothing-swav-seed2": replace(photos(CLOTHING, epochs=16), seed=2),
    # SwaV that does not.
    "digits-swav-collapsed-seed3": replace(COLLAPSING, seed=3),
    "digits-swav-epsilon3": Recipe(epsilon=3.0, seed=3),
    "cifar-swav-epsilon.3-t3": replace(photos(CIFAR, epochs=6), epsilon=0.3, temperature=3.0),
    "flowers-swav-rate-too-high": replace(photos(FLOWERS, epochs=8), learning_rate=0.3),
    "flowers-swav-rate-too-low": replace(photos(FLOWERS, epochs=6), learning_rate=1e-7),
    "textures-swav-epsilon": replace(photos(TEXTURES, epochs=20), epsilon=0.1),
    "clothing-swav-epsilon-seed2": replace(photos(CLOTHING, epochs=10), epsilon=0.1, seed=2),
    "clothing-swav-without-sinkhorn": replace(photos(CLOTHING, epochs=8), sinkhorn_iterations=0),
    "textures-swav-frozen-backbone": replace(photos(TEXTURES, epochs=12), frozen="backbone"),
    # Two views with negatives; a high temperature hardly pushes images apart.
    "digits-simclr-seed2": Joint(images="digits", method="simclr", seed=2),
    "digits-simclr-t10": Joint(images="digits", method="simclr", temperature=10.0, step_zero=True),
    "cifar-simclr-t10": Joint(images=CIFAR, method="simclr", temperature=10.0, epochs=6),
    "flowers-simclr-t10": Joint(images=FLOWERS, method="simclr", temperature=10.0, epochs=10, step_zero=True),
    "clothing-simclr-vit-t10": Joint(
        images=CLOTHING, method="simclr", network="vit", temperature=10.0, learning_rate=1e-3, epochs=8
    ),
    "flowers-simclr-vit": Joint(
        images=FLOWERS, method="simclr", network="vit", learning_rate=1e-3, epochs=12, step_zero=True
    ),
    "textures-simclr": Joint(images=TEXTURES, method="simclr", epochs=40, step_zero=True),
    "clothing-simclr-seed2": Joint(images=CLOTHING, method="simclr", epochs=10, seed=2),
    "clothing-simclr-rate-too-high": Joint(images=CLOTHING, method="simclr", learning_rate=0.5, epochs=6),
    "clothing-simclr-rate-too-low": Joint(
        images=CLOTHING, method="simclr", learning_rate=1e-7, epochs=6, step_zero=True
    ),
    # Redundancy reduction, with and without what keeps the outputs spread.
    "digits-vicreg": Joint(images="digits", method="vicreg", step_zero=True),
    "cifar-vicreg": Joint(images=CIFAR, method="vicreg", epochs=8),
    "clothing-vicreg": Joint(images=CLOTHING, method="vicreg", epochs=12, step_zero=True),
    "flowers-vicreg-invariance-only": Joint(images=FLOWERS, method="vicreg without variance", epochs=8, step_zero=True),
    "clothing-barlow-rate-too-high": Joint(images=CLOTHING, method="barlow", learning_rate=0.5, epochs=6),
    "textures-barlow-seed2": Joint(images=TEXTURES, method="barlow", epochs=30, seed=2),
    # Nothing but a predictor and a stopped gradient.
    "digits-simsiam": Joint(images="digits", method="simsiam", step_zero=True),
    "cifar-simsiam": Joint(images=CIFAR, method="simsiam", epochs=8),
    "flowers-simsiam": Joint(images=FLOWERS, method="simsiam", epochs=12, step_zero=True),
    "clothing-byol": Joint(images=CLOTHING, method="byol", epochs=12, step_zero=True),
}
# Written down after other methods' ResNets were read with the stride they were trained with, and the signs of collapse
# mended by what the five runs without a predictor showed then (a loss at the least it can be; a rank below untrained
# networks' from the first file on). Methods that nothing but their design keeps from a constant output, and others.
THIRD: dict[str, Recipe | Joint] = {
    "digits-byol-collapsed-seed2": Joint(
        images="digits", method="byol without predictor", epochs=8, seed=2, step_zero=True
    ),
    "cifar-byol-collapsed-seed2": Joint(
        images=CIFAR, method="byol without predictor", epochs=6, seed=2, step_zero=True
    ),
    "textures-byol-collapsed-seed2": Joint(images=TEXTURES, method="byol without predictor", epochs=12, seed=2),
    "clothing-byol-vit-collapsed": Joint(
        images=CLOTHING, method="byol without predictor", network="vit", learning_rate=1e-3, epochs=6, step_zero=True
    ),
    "flowers-byol-vit-collapsed": Joint(
        images=FLOWERS, method="byol without predictor", network="vit", learning_rate=1e-3, epochs=8
    ),
    "cifar-vicreg-invariance-only": Joint(images=CIFAR, method="vicreg without variance", epochs=6),
    "digits-vicreg-invariance-only": Joint(images="digits", method="vicreg without variance", epochs=8, step_zero=True),
    "digits-byol-seed2": Joint(images="digits", method="byol", seed=2),
    "cifar-byol-seed2": Joint(images=CIFAR, method="byol", epochs=8, seed=2, step_zero=True),
    "clothing-byol-seed2": Joint(images=CLOTHING, method="byol", epochs=12, seed=2),
    "clothing-simsiam": Joint(images=CLOTHING, method="simsiam", epochs=12),
    "cifar-simclr-seed2": Joint(images=CIFAR, method="simclr", epochs=7, seed=2),
    "digits-barlow-seed2": Joint(images="digits", method="barlow", seed=2, step_zero=True),
    "flowers-vicreg": Joint(images=FLOWERS, method="vicreg", epochs=10),
    "clothing-simclr-t10": Joint(images=CLOTHING, method="simclr", temperature=10.0, epochs=8, step_zero=True),
    "cifar-barlow-rate-too-low": Joint(images=CIFAR, method="barlow", learning_rate=1e-7, epochs=5),
}
# Written down before any run of DINO had been evaluated: a teacher and a student, a centre and a low temperature, and
# each of the two collapses that its paper names.
FOURTH: dict[str, Recipe | Joint] = {
    "digits-dino": Joint(images="digits", method="dino", step_zero=True),
    "cifar-dino": Joint(images=CIFAR, method="dino", epochs=8),
    "flowers-dino-vit": Joint(
        images=FLOWERS, method="dino", network="vit", learning_rate=1e-3, epochs=12, step_zero=True
    ),
    "clothing-dino": Joint(images=CLOTHING, method="dino", epochs=12, step_zero=True),
    "textures-dino": Joint(images=TEXTURES, method="dino", epochs=30),
    "digits-dino-without-sharpening": Joint(images="digits", method="dino without sharpening", epochs=8),
    "cifar-dino-without-centre": Joint(images=CIFAR, method="dino without centre", epochs=6, step_zero=True),
    "flowers-dino-without-centre": Joint(images=FLOWERS, method="dino without centre", epochs=10),
    "clothing-dino-vit-without-centre": Joint(
        images=CLOTHING, method="dino without centre", network="vit", learning_rate=1e-3, epochs=8, step_zero=True
    ),
    "clothing-dino-without-sharpening": Joint(
        images=CLOTHING, method="dino without sharpening", epochs=8, step_zero=True
    ),
    "flowers-dino-rate-too-low": Joint(images=FLOWERS, method="dino", learning_rate=1e-7, epochs=6, step_zero=True),
}
TRAINED = {**FIRST, **SECOND, **THIRD, **FOURTH}
