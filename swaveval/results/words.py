"""What the built-in metrics are called and mean.

Old results, whose manifest has no words, are shown with these; the built-in evaluators declare them as any evaluator
declares its own.
"""

from collections.abc import Mapping

from swaveval.results.term import Term

# The heading that an evaluator's metrics stand under.
GROUPS: Mapping[str, str] = {
    "knn": "k nearest neighbours",
    "linear": "Linear probe",
    "lowshot": "Low-shot",
    "clusters": "Clusters (k-means)",
    "prototypes": "SwaV prototypes",
    "views": "Augmented views",
    "spectrum": "Spectrum of the features",
    "intrinsic": "Intrinsic dimension",
    "dse": "Structure of the features",
    "stability": "Change between checkpoints",
    "umap": "Feature map",
    "drift": "Weights",
}

TERMS: Mapping[str, Term] = {
    "knn.top1": Term(
        "kNN accuracy",
        "Share of test images whose class is right when their nearest training images vote.",
        "Each of the k most similar training images votes for its class with weight exp(similarity / T); the "
        "class with the largest sum is the prediction. Headline: cosine; unless named, k = 20 and T = 0.07 (the DINO "
        "protocol).",
        "kNN",
    ),
    "knn.loo_top1": Term(
        "kNN accuracy, leave-one-out",
        "The same on training images, each left out of its own vote; it chooses the checkpoint, not the test set.",
        "kNN over the training split where no image is its own neighbour. Needs no test labels.",
        "kNN (train)",
    ),
    "knn.balanced": Term(
        "kNN accuracy, balanced",
        "kNN accuracy where every class counts the same however many images it has.",
        "Mean over classes of the recall of the headline kNN.",
        "kNN balanced",
    ),
    "knn.sensitivity": Term(
        "kNN sensitivity",
        "How much the kNN accuracy depends on its settings; large values make a single kNN number hard to trust.",
        "Largest less smallest accuracy over a grid of k and T.",
        "kNN sensitivity",
    ),
    "linear.top1": Term(
        "Linear probe accuracy",
        "Share of test images classified right by a linear classifier on the frozen features.",
        "Multinomial logistic regression on standardised frozen features, L2 penalty chosen on a held-out part (a "
        "tenth, unless named) of the training split, then refitted on all of it (as DINOv2 does, here by log loss "
        "among equal accuracies).",
        "linear",
    ),
    "linear.top5": Term(
        "Linear probe, top 5",
        "Share of test images whose class is among the classifier's five best guesses.",
        "As the linear probe; right when the true class is among the five largest scores.",
        "linear top 5",
    ),
    "linear.balanced": Term(
        "Linear probe, balanced",
        "Linear probe accuracy where every class counts the same however many images it has.",
        "Mean over classes of the recall of the linear probe.",
        "balanced",
    ),
    "linear.fold_top1": Term(
        "Linear probe, out of fold",
        "The same on training images, each by a probe fitted without it: no test label is used.",
        "Five seeded stratified folds of the training split, each classified by a probe fitted to the others, at the "
        "penalty that was chosen.",
        "linear (train)",
    ),
    "linear.c": Term(
        "Linear probe, chosen penalty",
        "The inverse penalty C that the probe chose on a held-out tenth of the training split.",
        "Grid over C, chosen without test images.",
        "C",
    ),
    "linear.c_at_edge": Term(
        "Linear probe, penalty at the edge",
        "1 where the chosen penalty is the smallest or largest tried: a wider grid might do better.",
        "Whether C sat on the edge of its grid.",
        "C at edge",
    ),
    "lowshot.top1": Term(
        "Low-shot accuracy",
        "Accuracy when only a few labelled images per class are available.",
        "Closed-form ridge regression on z-scored features, s images per class; mean and interval over seeded draws.",
        "low-shot",
    ),
    "lowshot.train_top1": Term(
        "Low-shot accuracy, training images",
        "The same, asked of the training images that were not among the few.",
        "In what share of the seeded draws without it a training image is classified right, mean over the images.",
        "low-shot (train)",
    ),
    "clusters.purity": Term(
        "k-means purity",
        "Share of images that carry the commonest class of their cluster; rises with the number of clusters.",
        "(1/n) Σ_k max_c n_kc for k-means on L2-normalised features. Compare only at equal K, and beside its value "
        "under shuffled labels.",
        "purity",
    ),
    "clusters.train_purity": Term(
        "k-means purity, training images",
        "Share of training images that carry the commonest class of their cluster, counted over training images.",
        "As purity, over the training split alone: an outcome for each image, compared in pairs.",
        "purity (train)",
    ),
    "clusters.purity_shuffled": Term(
        "k-means purity, shuffled labels",
        "What purity would be if the labels meant nothing: the floor for the line above.",
        "Purity of the same clusters after the labels were shuffled.",
        "purity, shuffled",
    ),
    "clusters.nmi": Term(
        "k-means NMI",
        "How much the clusters tell about the classes, from 0 to 1.",
        "Mutual information of clusters and classes over the arithmetic mean of their entropies (V-measure).",
        "NMI",
    ),
    "clusters.ami": Term(
        "k-means AMI",
        "Like NMI, corrected for chance: 0 for random clusters whatever their number.",
        "Mutual information adjusted for chance (Vinh et al. 2010), arithmetic mean.",
        "AMI",
    ),
    "clusters.ari": Term(
        "k-means ARI",
        "How far pairs of images are together in both clusters and classes; 0 is chance.",
        "Rand index adjusted for chance (Hubert and Arabie 1985).",
        "ARI",
    ),
    "clusters.hungarian": Term(
        "Clustering accuracy",
        "Accuracy when each cluster is given its best-matching class, one to one.",
        "Hungarian assignment of clusters to classes; defined where their numbers are equal.",
        "cluster accuracy",
    ),
    "clusters.nmi_restarts": Term(
        "k-means NMI over restarts",
        "NMI averaged over random initialisations: how much of it is luck of the start.",
        "Mean NMI of the single initialisations, with its interval over them.",
        "NMI, restarts",
    ),
    "clusters.restart_ami": Term(
        "Agreement of restarts",
        "How far two random initialisations of k-means find the same clusters; needs no labels.",
        "Mean AMI between the assignments of two initialisations.",
        "restart AMI",
    ),
    "clusters.silhouette": Term(
        "Silhouette",
        "Whether images lie nearer to their own cluster than to the next one (−1 to 1).",
        "Mean of (b − a) / max(a, b), cosine distance, on a sample.",
        "silhouette",
    ),
    "clusters.scatter": Term(
        "Within/between scatter",
        "How spread a class is compared with the distance between classes; lower is more concentrated.",
        "tr(S_w) / tr(S_b) of the features by class.",
        "scatter",
    ),
    "prototypes.purity": Term(
        "Prototype purity",
        "Share of images that carry the commonest class of their prototype; rises with K.",
        "(1/n) Σ_k max_c n_kc for the assignment of each image to its best-scoring prototype.",
        "prototype purity",
    ),
    "prototypes.ami": Term(
        "Prototype AMI",
        "How much the prototypes tell about the classes, corrected for chance and so for K.",
        "Adjusted mutual information of prototype assignment and class.",
        "prototype AMI",
    ),
    "prototypes.perplexity": Term(
        "Prototypes in use",
        "How many prototypes the images are effectively spread over; near 1 is collapse.",
        "exp(H(mean p)): exponential of the entropy of the mean assignment probability. At most K.",
        "in use",
    ),
    "prototypes.dead": Term(
        "Dead prototypes",
        "Prototypes that no image chooses.",
        "Number of prototypes that are never the argmax.",
        "dead",
    ),
    "prototypes.duplicates": Term(
        "Duplicate prototypes",
        "Prototypes that are nearly copies of another: partial collapse.",
        "Prototypes with a cosine above 0.95, unless named, to another one (2410.14060).",
        "duplicates",
    ),
    "prototypes.unique": Term(
        "Unique prototypes",
        "Share of the prototypes that are left when near copies count once; a small share is partial collapse.",
        "Size of a greedy net of the prototypes at cosine distance ε, in the checkpoint's order, over K (2510.20108).",
        "unique",
    ),
    "prototypes.agreement": Term(
        "Swapped agreement",
        "How often two views of one image choose the same prototype.",
        "P(argmax p(x₁) = argmax p(x₂)) over two augmented views.",
        "agreement",
    ),
    "prototypes.loss": Term(
        "SwaV loss, recomputed",
        "The training loss computed again on fixed views, comparable between checkpoints.",
        "Swapped-assignment cross entropy H(q) + KL(q‖p) per view pair, natural logarithm, Sinkhorn codes q.",
        "SwaV loss",
    ),
    "prototypes.loss_gap": Term(
        "Gap of the loss to ln K",
        "How far the loss is below that of a constant output; near 0 is collapse or a compressed loss.",
        "1 − L / ln K.",
        "loss gap",
    ),
    "views.retrieval": Term(
        "View retrieval",
        "How often the nearest neighbour of an augmented image is another view of the same image; needs no labels.",
        "Is the nearest of all second views that of the first view's own image? Accuracy of instance discrimination.",
        "view retrieval",
    ),
    "views.alignment": Term(
        "Alignment",
        "Distance between two views of the same image; lower is more invariant.",
        "E‖f(x) − f(x′)‖² over positive pairs, L2-normalised (2005.10242).",
        "alignment",
    ),
    "views.uniformity": Term(
        "Uniformity",
        "How evenly the features fill the sphere; lower is more even.",
        "ln E exp(−2‖f(x) − f(y)‖²) over different images (2005.10242).",
        "uniformity",
    ),
    "views.lidar": Term(
        "LiDAR",
        "How many directions tell images apart beyond what augmentation changes.",
        "exp(entropy) of the eigenvalues of Σ_w^−½ Σ_b Σ_w^−½, each image a class of its views (2312.04000).",
        "LiDAR",
    ),
    "spectrum.rankme": Term(
        "RankMe",
        "How many dimensions the features effectively use; a collapse shows as a fall.",
        "exp(−Σ p ln p), p the singular values of the uncentred features over their sum (2210.02885). At most "
        "min(n, d), so comparable at equal n only.",
        "RankMe",
    ),
    "spectrum.rankme_centred": Term(
        "RankMe, centred",
        "The same after removing the mean, which alone can halve it.",
        "RankMe of the features minus their mean.",
        "RankMe centred",
    ),
    "spectrum.alpha": Term(
        "α-ReQ",
        "How fast the spectrum decays; close to 1 is good.",
        "Exponent of a power law fitted to the eigenvalues of the centred covariance (Agrawal et al. 2022).",
        "α",
    ),
    "spectrum.nesum": Term(
        "NESum",
        "Sum of the eigenvalues in units of the largest; larger is more evenly spread.",
        "Σ λ / λ₁ of the centred covariance.",
        "NESum",
    ),
    "spectrum.stable_rank": Term(
        "Stable rank",
        "A rank that small directions hardly change.",
        "‖Z‖²_F / σ₁².",
        "stable rank",
    ),
    "spectrum.std": Term(
        "Collapse standard deviation",
        "1 when the features point everywhere alike, 0 when all are the same.",
        "Mean over dimensions of std(z/‖z‖) · √d.",
        "std",
    ),
    "intrinsic.mst": Term(
        "Intrinsic dimension (spanning tree)",
        "How many directions the features vary in; among networks that have not collapsed, fewer went with better "
        "probes. A collapsed network has few too: read it beside RankMe.",
        "1 / (1 − m), m the slope of ln length of the Euclidean minimum spanning tree on ln n over subsamples (IdEst, "
        "2606.03338).",
        "tree dimension",
    ),
    "intrinsic.lid": Term(
        "Local intrinsic dimension",
        "How many directions the features vary in around an image; a fall towards 1 is a collapse that ranks of all "
        "images miss. More is not always better.",
        "Geometric mean over images of μ / (w − μ), μ the mean and w the largest of the distances to the k nearest "
        "images (method of moments; LDReg, 2401.10474).",
        "local dimension",
    ),
    "dse.score": Term(
        "DSE",
        "Distance between clusters less their size, plus the dimensions used; compare trained checkpoints of this "
        "series only, as a collapse raises it above the untrained start too.",
        "M_inter − M_intra + λ M_dim of pooled features, λ = std(M_inter − M_intra) / std(M_dim) over the series "
        "without its first checkpoint (2510.17299, there of dense tokens).",
        "DSE",
    ),
    "dse.inter": Term(
        "DSE, between clusters",
        "How far images lie from the nearest cluster that is not theirs.",
        "M_inter: mean distance to the nearest other k-means centroid, over the mean distance to the centre.",
        "between",
    ),
    "dse.intra": Term(
        "DSE, within clusters",
        "How large the clusters are; smaller is more concentrated.",
        "M_intra: mean over clusters of Σσ / √max(n_c − 1, d), σ the singular values of the centred cluster, over the "
        "mean distance to the centre.",
        "within",
    ),
    "dse.dimension": Term(
        "DSE, dimensions used",
        "Which share of the possible dimensions the features effectively use.",
        "M_dim: exp(entropy of σ/Σσ) / min(n, d), σ the singular values of the L2-normalised features.",
        "share of dimensions",
    ),
    "stability.cka_previous": Term(
        "CKA to the previous checkpoint",
        "How alike the features are to those of the checkpoint before; 1 is no change.",
        "Linear centred kernel alignment (Kornblith et al. 2019).",
        "CKA previous",
    ),
    "stability.cka_last": Term(
        "CKA to the last checkpoint",
        "How alike the features already are to the final ones.",
        "Linear centred kernel alignment (Kornblith et al. 2019).",
        "CKA last",
    ),
    "stability.neighbours": Term(
        "Neighbours kept",
        "Share of each image's nearest neighbours that were already there one checkpoint before.",
        "Mean |N_k(t) ∩ N_k(t−1)| / k.",
        "neighbours kept",
    ),
    "stability.ami_previous": Term(
        "Clusters kept",
        "How far the clusters agree with those of the checkpoint before.",
        "AMI of the k-means assignments of neighbouring checkpoints.",
        "clusters kept",
    ),
    "umap.trustworthiness": Term(
        "Trustworthiness of the map",
        "How far neighbours on the map are neighbours in the features; below 0.9 read the map with care.",
        "Venna and Kaski 2001: penalises images that are near on the map but far in the features.",
        "trustworthiness",
    ),
    "drift.relative_l2": Term(
        "Change of the weights",
        "How far the backbone's weights moved since the checkpoint before, relative to their size.",
        "‖w_t − w_{t−1}‖ / ‖w_{t−1}‖ over all weights of the backbone.",
        "weights moved",
    ),
}


def words_of(evaluator: str) -> Mapping[str, Term]:
    """The words for the metrics of one built-in evaluator."""
    return {name: term for name, term in TERMS.items() if name.split(".", 1)[0] == evaluator}
