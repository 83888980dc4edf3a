"""What shapes do not tell of a series' network, found out on a sample of the images; once for the whole series."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from swaveval import __version__
from swaveval.checkpoints import CheckpointRefused
from swaveval.checkpoints.architectures import ResNet
from swaveval.checkpoints.geometry import RESNET_FIELDS, Geometry, as_options, by_source, in_words
from swaveval.checkpoints.vit import ViT
from swaveval.data import ImageSet
from swaveval.data.decoded import PixelStream
from swaveval.data.transforms import IMAGENET_MEAN, IMAGENET_STD, EvalTransform, default_transform, fitted
from swaveval.features.extract import choose_device
from swaveval.features.fingerprint import records as batchnorms
from swaveval.features.fingerprint import settled as settled_statistics
from swaveval.features.geometry import Fit, Sample, preprocessing_fits, resnet_fits, sample_size
from swaveval.features.heads import heads_fits, heads_in_weights
from swaveval.results import CheckpointRecord
from swaveval.results.atomic import write_bytes
from swaveval.results.encoding import digest, seal, unseal
from swaveval.runs.geometry_findings import Findings
from swaveval.runs.loader import CheckpointLoader
from swaveval.runs.progress import Progress
from swaveval.runs.request import RunRequest

# Measured in benchmarks/geometry: the right geometry fits better than any other by 1.3 and more on images it was
# trained on; on other images the margin shrinks, and below this the usual geometry stands.
CLEAR = 1.25
# Where no geometry fits well, the images are others, and the floor is raised for all candidates: more is asked.
WELL, CLEAR_ON_OTHERS = 0.2, 1.6
NEAR = 1.1
# At the first layer: fits up to here, and is off from there on. As trained .1 to .37 (large and constant learning
# rates), on other photos .2 to .45, photos beside drawings or grey digits .4 to 1.1: from OTHERS on, that is said.
FITS, OFF, OTHERS = 0.35, 0.45, 0.5
# Mismatch over all layers from which on something is amiss. Right networks have .05 to .13 on their own photos, up to
# .2 on other photos, .25 in their first hundred steps; anti-aliased ones read as plain ones .22 to .46; wrong sizes
# 1.2. A network that the file names is not doubted as soon as one that shapes stand for.
STRANGE, STRANGE_IF_NAMED = 0.2, 0.35
# Evidence by which the weights of a ViT must speak for a number of heads more than for any other, −ln p.
NATS, TIMES_CHANCE = 10.0, 2.5
LEAST_IMAGES = 16
_VERSION = 7


def find_out(
    records: Sequence[CheckpointRecord],
    loader: CheckpointLoader,
    images: ImageSet,
    transform: EvalTransform,
    *,
    settled: bool,
    memory: Path,
    device: str = "auto",
) -> Findings:
    """Try the geometries and pre-processings that nobody told on a sample of the train images.

    Args:
        records: of the series; the most trained one decides for all. loader: gives their networks.
        settled: whether the pre-processing is known (by the user or by the run's own record).
        memory: directory where findings are kept; the same checkpoint, images and transform are not tried twice.
    """
    chosen = most_trained(records)
    if chosen is None or len(images.train_index) < LEAST_IMAGES:
        return Findings()
    key = [_VERSION, __version__, chosen.digest, images.fingerprint, transform.id, repr(loader.options), settled]
    place = memory / f"{digest(key)[:32]}.json"
    try:
        return Findings.from_json(unseal(place.read_bytes()))
    except (OSError, ValueError, KeyError, TypeError):
        pass
    try:
        backbone = loader.load(str(chosen.digest))
    except (CheckpointRefused, KeyError, RuntimeError):
        return Findings()  # it changed since; the evaluation itself will say so
    deep = isinstance(backbone.module, ResNet) and backbone.module.spec.block == "bottleneck"
    sample = _sample(images, transform, choose_device(device), bottlenecks=deep)
    backbone.to(sample.device)
    told = backbone.report.geometry
    free = tuple(name for name, entry in told.items() if name in asdict(Geometry()) and entry[1] in ("family", "usual"))
    found = Findings()
    if batchnorms(backbone.module):
        bear_witness = settled_statistics(backbone.module, backbone.report.batches)
        if bear_witness:
            found, sample = _preprocessing(backbone.module, sample, settled=settled)
        if isinstance(backbone.module, ResNet):
            fits = resnet_fits(backbone.module, free, sample)
            found = _with_geometry(found, fits, told, transform.size if bear_witness else None)
        if not bear_witness:
            found = found.without_doubts("images", "pre-processing")
    elif isinstance(backbone.module, ResNet) and free and backbone.module.spec.stem_kernel != 7:
        found = Findings(notes=(f"{_assumed(told, free)}: the file does not tell, and no BatchNorm bears witness",))
    elif isinstance(backbone.module, ViT) and free:
        found = _with_heads(backbone.module, sample)
    if chosen.name:
        found = replace(
            found, evidence=dict(found.evidence) | {"checkpoint": chosen.name, "images": len(sample.pixels)}
        )
    write_bytes(place, seal(found.to_json()))
    return found


def shapeless(
    request: RunRequest,
    records: Sequence[CheckpointRecord],
    loader: CheckpointLoader,
    images: ImageSet,
    progress: Progress,
) -> tuple[RunRequest, Findings]:
    """The request with everything in it that shapes do not tell, and how it was found out.

    What the user said stands; then what a file says of its normalisation; then what the sample says.
    """
    settled = bool({"mean", "std", "order"} & set(request.normalisation)) or request.transform_recorded
    named = [record.load.get("geometry", {}).get("normalisation") for record in records if record.evaluated]
    notes: tuple[str, ...] = ()
    if (
        not settled
        and images.channels == 3
        and named
        and named[0] is not None
        and all(pair == named[0] for pair in named)
    ):
        mean, std = (tuple(float(value) for value in part) for part in named[0])
        request = replace(request, normalisation=dict(request.normalisation) | {"mean": mean, "std": std})
        settled = True
        if (mean, std) != (IMAGENET_MEAN, IMAGENET_STD):
            words = " and ".join(",".join(f"{value:.4g}" for value in part) for part in (mean, std))
            notes = (f"pixels are normalised as the checkpoints say: mean and std {words}",)
    transform = replace(
        fitted(request.transform or default_transform(images), images.channels), **request.normalisation
    )
    if images.channels != 3:
        return request, Findings(notes=notes)
    progress.stage("checking the architecture on a sample", 0)
    found = find_out(
        records,
        loader,
        images,
        transform,
        settled=settled,
        memory=request.out / "cache" / "geometry",
        device=request.device,
    )
    found = _as_recorded(found, request, transform)
    if found.transform is not None:
        taken = {name: getattr(found.transform, name) for name in ("mean", "std", "order")}
        request = replace(request, normalisation=dict(request.normalisation) | taken)
    if found.geometry:
        request = replace(request, load=replace(request.load, evidence=found.geometry))
    return request, replace(found, notes=(*notes, *found.notes))


def _as_recorded(found: Findings, request: RunRequest, transform: EvalTransform) -> Findings:
    """Without doubts of what the training itself recorded, where that is what is done here.

    Statistics of a training that diverges fit anything; its record stands. Images are the recorded ones where the
    whole transform is.
    """
    told = request.trained_with
    if told is None or (told.mean, told.std, told.order) != (transform.mean, transform.std, transform.order):
        return found
    return (
        found.without_doubts("images", "pre-processing")
        if request.transform_recorded
        else found.without_doubts("pre-processing")
    )


def most_trained(records: Sequence[CheckpointRecord]) -> CheckpointRecord | None:
    """The record with the largest step, else epoch, else the last one; untrained ones bear no witness."""
    ready = [
        (record.step or 0, record.epoch or 0.0, position, record)
        for position, record in enumerate(records)
        if record.evaluated and record.kind == "checkpoint" and record.digest
    ]
    return max(ready, key=lambda entry: entry[:3])[3] if ready else None


def annotated(record: CheckpointRecord, found: Findings) -> CheckpointRecord:
    """The record with what was found out; an assumption that was confirmed is no warning any more."""
    told = dict(record.load.get("geometry") or {})
    if not told and not found.evidence:
        return record
    load = dict(record.load)
    load["geometry"] = told | {"words": [list(pair) for pair in by_source(told)]}
    if found.evidence:
        load["geometry"]["evidence"] = dict(found.evidence)
    if found.confirmed or found.geometry:
        load["warnings"] = [text for text in load.get("warnings", ()) if "the file does not tell (--" not in text]
    return replace(record, load=load)


def _sample(images: ImageSet, transform: EvalTransform, device: str, *, bottlenecks: bool) -> Sample:
    count = min(sample_size(transform.size, bottlenecks=bottlenecks), len(images.train_index))
    chosen = np.sort(np.random.default_rng(0).permutation(images.train_index)[:count])
    return Sample(PixelStream(images, transform, "a sample").take(chosen), transform, device)


def _with_geometry(found: Findings, fits: Sequence[Fit], told: Mapping[str, Any], size: int | None) -> Findings:
    """The geometry that the fits speak for.

    Args:
        size: pixels at which images are shown; None where no other size is believed, so that none hides a geometry.
    """
    present = fits[0]
    if not np.isfinite(present.score):
        return found
    plain = sorted((fit for fit in fits if fit.zoom == 1), key=lambda fit: fit.score)
    best = plain[0]
    zoomed = min((fit for fit in fits if fit.zoom > 1), key=lambda fit: fit.score, default=None)
    evidence = dict(found.evidence) | {
        "by": "BatchNorm's running statistics",
        "fits": [[in_words(fit.facts) if fit.facts else "as read", round(fit.score, 4)] for fit in plain[:6]],
    }
    notes, geometry, doubts = list(found.notes), Geometry(), dict(found.doubts)
    larger = zoomed is not None and zoomed.score * CLEAR < present.score
    instead = f"{in_words(best.facts)} ({as_options(best.facts)})"
    numbers = f"off by {best.score:.2f}, as read {present.score:.2f}"
    if zoomed is not None and size is not None and larger and zoomed.score <= best.score * NEAR:
        notes.append(
            f"the network seems to be shown images {zoomed.zoom} times smaller than in training (--size "
            f"{size * zoomed.zoom}): BatchNorm's running statistics fit them better (off by {zoomed.score:.2f}, "
            f"at this size {present.score:.2f})"
        )
        doubts[notes[-1]] = "pre-processing"
        if present.score > best.score * CLEAR:
            # By itself: of a recorded size the doubt is dropped, and this is what is left to explain the statistics.
            notes.append(f"where the size is that of the training, {instead} was trained rather ({numbers})")
    elif present.score > best.score * (CLEAR if best.score <= WELL else CLEAR_ON_OTHERS):
        geometry = Geometry(**best.facts)  # type: ignore[arg-type]
        rivals = [fit for fit in plain[1:] if fit.facts and best.score * 1.001 < fit.score < best.score * NEAR]
        unsure = f"; {in_words(rivals[0].facts)} ({as_options(rivals[0].facts)}) fits nearly as well" if rivals else ""
        notes.append(
            f"{in_words(best.facts)}: taken because BatchNorm's running statistics fit it best ({numbers}){unsure}; "
            "the file does not tell"
        )
    elif (rival := _rival(plain, present)) is not None:
        read, other = in_words({name: told[name][0] for name in rival.facts}), in_words(rival.facts)
        how = "better, on images that fit neither" if present.score > rival.score * CLEAR else "about as well"
        notes.append(
            f"{read}: assumed, the file does not tell; BatchNorm's running statistics fit {other} "
            f"({as_options(rival.facts)}) {how} (off by {rival.score:.2f}, as read {present.score:.2f})"
        )
    named = not any(entry[1] in ("family", "usual") for name, entry in told.items() if name in RESNET_FIELDS)
    if min(best.score, zoomed.score if zoomed else best.score) > (STRANGE_IF_NAMED if named else STRANGE):
        evidence["others"] = True
        notes.append(
            f"no geometry fits BatchNorm's running statistics on these images (off by {best.score:.2f} at best; .05 to "
            ".2 is usual): the images are not like those of the training, or the network is another one with weights "
            "of the same shapes (anti-aliasing, another activation; --backbone timm:NAME names it), or the checkpoint "
            "is of the first steps"
        )
        doubts[notes[-1]] = "images"
    confirmed = not geometry and _rival(plain, present) is None
    said = replace(found, notes=tuple(notes), evidence=evidence, doubts=doubts)
    return replace(said, geometry=geometry, confirmed=confirmed)


def _rival(plain: Sequence[Fit], present: Fit) -> Fit | None:
    """The best other geometry, where it fits about as well as the present one; none where that one fits as trained."""
    # A padding of 0 is nobody's habit, and hardly differs from the usual one.
    others = (fit for fit in plain if fit.facts and fit.facts.get("stem_padding") != 0)
    rival = next(others, None)
    return rival if rival is not None and rival.score < present.score * NEAR else None


def _preprocessing(module: Any, sample: Sample, *, settled: bool) -> tuple[Findings, Sample]:
    """Whether the first layer's statistics fit the pre-processing, and the sample with the one to go on with."""
    fits = preprocessing_fits(module, sample)
    if not fits:
        return Findings(), sample
    (_, score), (best, least) = fits[0], min(fits, key=lambda fit: fit[1])
    evidence: dict[str, Any] = {
        "preprocessing": [[_normalised(transform), round(value, 4)] for transform, value in fits]
    }
    if score < OFF or score < 1.5 * least:  # which the best one is
        notes: tuple[str, ...] = ()
        if score >= OTHERS:
            evidence["others"] = True
            notes = (
                f"the images are not like those the network was trained on, or not pre-processed like them: the first "
                f"layer's running statistics are off by {score:.2f} (.1 to .4 is usual), and no usual normalisation "
                "fits; what features are worth on other images does not show whether training works on its own",
            )
        return Findings(notes=notes, evidence=evidence, doubts=dict.fromkeys(notes, "images")), sample
    numbers = f"the first layer's running statistics are off by {least:.2f} with it, by {score:.2f} without"
    if not settled and least <= FITS and score > 2.5 * least:
        note = f"{_normalised(best)} was taken for the network's pre-processing ({numbers}; {_as_options(best)})"
        return Findings(transform=best, notes=(note,), evidence=evidence), replace(sample, transform=best)
    note = (
        f"the network seems to have been trained with other pre-processing: {_normalised(best)} fits better "
        f"({numbers}); {_as_options(best)} takes it"
    )
    if not settled and least < OTHERS:
        # What a geometry fits is asked of images as the network knows them.
        evidence["fitting"], sample = _as_options(best), replace(sample, transform=best)
    return Findings(notes=(note,), evidence=evidence, doubts={note: "pre-processing"}), sample


def _normalised(transform: EvalTransform) -> str:
    mean, std = (",".join(f"{value:.4g}" for value in part) for part in (transform.mean, transform.std))
    return f"mean {mean}, std {std}, {transform.order}"


def _as_options(transform: EvalTransform) -> str:
    mean, std = (",".join(f"{value:.6g}" for value in part) for part in (transform.mean, transform.std))
    return f"--mean {mean} --std {std}" + (" --channel-order BGR" if transform.order == "BGR" else "")


def _with_heads(network: ViT, sample: Sample) -> Findings:
    """The number of heads that the weights speak for, else view retrieval."""
    heads, n = network.spec.attention_heads, len(sample.pixels)
    weights = heads_in_weights(network)
    ranked = sorted(weights, key=lambda count: -weights[count])
    evidence: dict[str, Any] = {"by": "weights", "fits": [[count, round(weights[count], 1)] for count in ranked]}
    most, next_ = weights[ranked[0]], weights[ranked[1]] if len(ranked) > 1 else 0.0
    # Two products in each block, of one nat each where nothing has been learned.
    decided = most > TIMES_CHANCE * 2 * network.spec.depth and most - next_ > max(NATS, 0.05 * most)
    if decided and ranked[0] == heads:
        return Findings(confirmed=True, evidence=evidence)
    if decided:
        note = (
            f"{ranked[0]} heads instead of the {heads} usual for a ViT of width {network.spec.dim}: the file does not "
            f"tell, but the channels of its attention grew in {ranked[0]} groups (evidence of "
            f"{weights[ranked[0]]:.0f} nats, for {heads} {weights[heads]:.0f}); --heads N overrules it"
        )
        return Findings(Geometry(heads=ranked[0]), notes=(note,), evidence=evidence)
    fits = heads_fits(network, sample)
    present, best = fits[0], min(fits, key=lambda fit: fit.score)
    shown = sorted((int(fit.facts.get("heads", heads)), 1 - fit.score) for fit in fits)
    evidence |= {"retrieval": [[count, round(share, 4)] for count, share in shown]}
    words = ", ".join(f"{count} heads {share:.0%}" for count, share in shown)
    # Standard error of a difference of two shares over looks at the same images, at the worst.
    error = (max(present.score * (1 - present.score), 1e-3) / n) ** 0.5
    if best is not present and present.score - best.score > 3 * error:
        count = int(best.facts["heads"])
        note = (
            f"{count} heads instead of the {heads} usual for a ViT of width {network.spec.dim}: the file does not "
            f"tell, but views of an image find each other best with them ({words}); --heads N overrules it"
        )
        return Findings(Geometry(heads=count), notes=(note,), evidence=evidence)
    note = (
        f"{heads} heads are assumed for the ViT of width {network.spec.dim}, as is usual: the file does not tell, and "
        f"neither its weights nor the images decide (pairs of views found: {words}); --heads N says it"
    )
    return Findings(notes=(note,), evidence=evidence)


def _assumed(told: Mapping[str, Any], free: Sequence[str]) -> str:
    return f"{in_words({name: told[name][0] for name in free if name in ('stem_stride', 'maxpool')})}: assumed"
