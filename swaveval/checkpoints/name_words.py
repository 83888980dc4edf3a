"""Words of file names that say what the number beside them counts, in the languages people write them in."""

EPOCH = frozenset(
    {
        "epoch", "epochs", "ep", "eps", "ckp", "phase", "epoche", "epochen", "époque", "époques", "epoque", "epoques",
        "época", "épocas", "epoca", "epocas", "epok", "epoka",
        "эпоха", "эпохи", "эпох", "轮", "轮次", "輪", "エポック", "에포크", "에폭",
    }
)  # fmt: skip
STEP = frozenset(
    {
        "step", "steps", "globalstep", "iter", "iters", "iteration", "iterations", "it", "update", "updates",
        "training", "schritt", "schritte", "étape", "étapes", "etape", "etapes", "itération", "itérations",
        "iteración", "iteraciones", "iterazione", "iterazioni", "iteração", "шаг", "шаги", "итерация",
        "步", "步数", "迭代",
        "ステップ", "스텝",
    }
)  # fmt: skip
METRIC = frozenset(
    {
        "loss", "acc", "accuracy", "val", "valid", "top", "auc", "auroc", "map", "miou", "iou", "score", "knn", "err",
        "error", "psnr", "fid", "nmi", "ami", "ari", "purity", "recall", "precision", "lr", "metric", "perplexity",
        "bpd", "rankme", "test", "train", "dice", "rmse", "mse", "mae",
    }
)  # fmt: skip
RUN = frozenset(
    {
        "seed", "fold", "run", "version", "trial", "exp", "experiment", "split", "cv", "rep", "repeat", "attempt",
        "job", "k", "bs", "batch", "batchsize", "dim", "width", "prototypes", "proto", "temp", "temperature", "wd",
        "rank", "task", "group",
    }
)  # fmt: skip
COUNTED = frozenset({"checkpoint", "ckpt", "chkpt"})
STATUS = COUNTED | {"last", "latest", "best", "final", "newest", "current", "model", "weights", "state"}
LATEST = frozenset({"last", "latest", "final", "newest"})
# `第3轮`: the third; says nothing by itself.
ORDINAL = frozenset({"第", "global"})


def tells(word: str) -> bool:
    """Whether a word says what the number beside it is."""
    return word in EPOCH or word in STEP or word in RUN or word in METRIC
