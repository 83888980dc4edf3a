"""How many heads a ViT's attention has: its weights know, and where they do not, views of images may."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from swaveval.checkpoints.vit import ViT, possible_heads
from swaveval.features.geometry import Fit, Sample


def heads_in_weights(network: ViT) -> dict[int, float]:
    """Heads → evidence for them in the weights, in nats; about two for each block where there is none.

    A head learns as one: its channels grow or shrink together, since scores are sums of q·k over the channels of one
    head, and its values reach the output by the same attention. So ln(‖q row‖·‖k row‖) and ln(‖v row‖·‖output
    column‖) vary less within a head than between heads. For each possible number the F test of channels grouped into
    that many heads gives a p-value; the evidence is −Σ ln p over blocks and both products. Groups that are halves of
    a head, or two heads together, have some of it, the true heads most.
    """
    found = dict.fromkeys((network.spec.attention_heads, *possible_heads(network.spec.dim)), 0.0)
    for name, weight in network.state_dict().items():
        if not name.endswith("attn.qkv.weight"):
            continue
        query, key, value = weight.double().cpu().chunk(3)
        output = network.get_parameter(name.replace("qkv", "proj")).detach().double().cpu().T
        for product in (query.norm(dim=1) * key.norm(dim=1), value.norm(dim=1) * output.norm(dim=1)):
            logs = product.clamp(min=1e-12).log().numpy()
            for heads in found:
                found[heads] += _evidence(logs.reshape(heads, -1)) if 1 < heads < len(logs) else 0.0
    return found


def _evidence(groups: np.ndarray) -> float:
    """−ln p of the F test that rows `(heads, channels)` have one mean."""
    from scipy.stats import f as fisher  # takes a second to import, and few networks ask

    heads, channels = groups.shape
    means = groups.mean(axis=1)
    between = channels * float(((means - means.mean()) ** 2).sum()) / (heads - 1)
    within = float(((groups - means[:, None]) ** 2).sum()) / (heads * (channels - 1))
    if within <= 0:
        return 0.0
    return float(min(1e4, -fisher.logsf(between / within, heads - 1, heads * (channels - 1))))


@torch.inference_mode()
def heads_fits(network: ViT, sample: Sample) -> list[Fit]:
    """Every number of heads by view retrieval, the present one first: how often the nearest of all second views is
    the other view of the same image.
    """
    batches = sample.pairs()
    present = network.spec.attention_heads
    fits = []
    for heads in dict.fromkeys((present, *possible_heads(network.spec.dim))):
        with torch.device("meta"):
            made = replace(network.spec, heads=heads).build()
        made.load_state_dict(network.state_dict(), assign=True)
        features = torch.cat([made.eval()(batch) for batch in batches])
        fits.append(Fit({} if heads == present else {"heads": heads}, 1 - _retrieval(features)))
    return fits


def _retrieval(features: Tensor) -> float:
    """Share of pairs whose views find each other, by centred cosine, both ways."""
    unit = nn.functional.normalize(features - features.mean(0), dim=1)
    first, second = unit[0::2], unit[1::2]
    similarity = first @ second.T
    own = torch.arange(len(first), device=features.device)
    hits = (similarity.argmax(1) == own).float().mean() + (similarity.argmax(0) == own).float().mean()
    return float(hits / 2)
