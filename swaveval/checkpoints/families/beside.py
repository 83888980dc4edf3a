"""Names that lie beside every backbone: classifiers, projectors, predictors, decoders, queues, counters.

Only as the first part of a name below the backbone's prefix, so never inside its stem or blocks. What else lies there
may be a part of the network (a learned pooling, an attention over its last features) without which it is another one.
"""

import re

_FIRST = re.compile(
    r"(fc\d*|heads?|head_\w+|\w+_head|classifiers?|linear\w*|last_linear|logits|lincls"
    r"|proj|projectors?|projections?|project\w*|proj_\w+|predictors?|predictions?|prediction_\w+|mlp_head|neck"
    r"|decoder\w*|mask_token|masked_embed|local_cls_norm|prototypes?\w*|clusters?|centroids?|assigner"
    r"|queue\w*|memory_bank|bank|n_averaged|n_iter|global_step|epoch"
    r"|online_\w+|momentum_\w+|\w+_momentum|target_\w+|ema_\w+|\w+_ema|teacher\w*|student\w*|encoder_k|encoder_m"
    r"|criterion\w*|loss\w*|\w+_loss|loss_fn|center|knn\w*|probes?|\w+_probe|callbacks?_\w+|metrics?|\w+_(acc|accuracy|metric)"
    r"|(train|val|valid|test)_\w+|logit_scale|temperature|temp|tau|aux\w*|rotation\w*|jigsaw\w*"
    r"|data_preprocessor|dino_head|ibot_head|dino_loss|ibot_patch_loss)(\.|$)"
)
# A layer of this first name is part of the forward pass up to the features.
_PART = re.compile(r"(fc_norm|attn_pool|head\.norm|head_norm|head_drop)(\.|$)")


def is_beside(name: str) -> bool:
    """Whether a name (below the backbone's prefix) is none of a backbone's own."""
    return bool(_FIRST.match(name)) and not _PART.match(name)
