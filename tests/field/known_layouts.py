"""Layouts of public image sets, as they are downloaded."""

from collections.abc import Iterable

from tests.field.brought import ASIDE, CLASS_OF, COUNT, EACH, IMAGES, IS_TEST, TEST, WORDS, Brought, trial
from tests.field.campaign import Trial


def known_layouts() -> Iterable[Trial]:
    """Layouts of public sets, each as it is downloaded."""

    def name(number: int) -> str:
        return f"{number:06d}.png"

    split = {number: ("train", "test")[IS_TEST[number]] for number in IMAGES}
    plain = {n: name(n) for n in IMAGES}
    words = {n: WORDS[CLASS_OF[n]] for n in IMAGES}
    aside = {
        f"{folder}/{name(n)}": ASIDE + n
        for n in range(0, COUNT, 3)
        for folder in ("SegmentationClass", "SegmentationObject")
    }
    good = {n for n in IMAGES if not IS_TEST[n]}
    layouts: dict[str, Brought] = {
        "VOC2012 (lightly#1521)": Brought(
            {f"JPEGImages/{plain[n]}": n for n in IMAGES} | aside, None, must="VOC layout"
        ),
        "VOCdevkit": Brought(
            {f"VOCdevkit/VOC2012/JPEGImages/{plain[n]}": n for n in IMAGES}
            | {f"VOCdevkit/VOC2012/{name_}": k for name_, k in aside.items()},
            None,
            must="VOC layout",
        ),
        "COCO flat (pytorch/examples#1039)": Brought(
            {f"{split[n].replace('test', 'val')}2017/{plain[n]}": n for n in IMAGES}, None, TEST, must="COCO layout"
        ),
        "COCO below images": Brought(
            {f"coco/images/{split[n].replace('test', 'val')}2014/{plain[n]}": n for n in IMAGES}, None, TEST
        ),
        "CycleGAN trainA testB": Brought(
            {f"{split[n]}{'AB'[n % 2]}/{plain[n]}": n for n in IMAGES}, None, TEST, must="trainA"
        ),
        "U-Net imgs and labels": Brought(
            {f"imgs/{plain[n]}": n for n in IMAGES} | {f"labels/{plain[n]}": ASIDE + n for n in IMAGES}, None
        ),
        "Carvana": Brought(
            {f"{split[n]}/{plain[n]}": n for n in IMAGES} | {f"train_masks/{n:06d}_mask.png": ASIDE + n for n in good},
            None,
            TEST,
        ),
        "x_train y_train": Brought(
            {f"x_{split[n]}/{plain[n]}": n for n in IMAGES} | {f"y_{split[n]}/{plain[n]}": ASIDE + n for n in IMAGES},
            None,
            TEST,
        ),
        "nnU-Net": Brought(
            {f"images{split[n].replace('train', 'Tr').replace('test', 'Ts')}/{plain[n]}": n for n in IMAGES}
            | {f"labelsTr/{plain[n]}": ASIDE + n for n in good},
            None,
            TEST,
        ),
        "CamVid": Brought(
            {f"{split[n]}/{plain[n]}": n for n in IMAGES} | {f"{split[n]}annot/{plain[n]}": ASIDE + n for n in IMAGES},
            None,
            TEST,
        ),
        "ADE20K": Brought(
            {
                f"images/{split[n].replace('train', 'training').replace('test', 'validation')}/{plain[n]}": n
                for n in IMAGES
            }
            | {
                f"annotations/{split[n].replace('train', 'training').replace('test', 'validation')}/{plain[n]}": ASIDE
                + n
                for n in IMAGES
            },
            None,
            TEST,
        ),
        "Cityscapes": Brought(
            {
                f"leftImg8bit/{split[n].replace('test', 'val')}/{('bonn', 'ulm')[IS_TEST[n]]}/b_{n}_leftImg8bit.png": n
                for n in IMAGES
            }
            | {
                f"gtFine/{split[n].replace('test', 'val')}/{('bonn', 'ulm')[IS_TEST[n]]}/b_{n}_gtFine_color.png": ASIDE
                + n
                for n in IMAGES
            },
            None,
            TEST,
        ),
        "DSB 2018": Brought(
            {f"stage1_train/{n:08x}ab/images/{n:08x}ab.png": n for n in IMAGES}
            | {f"stage1_train/{n:08x}ab/masks/{n}f{k}.png": ASIDE + n for n in IMAGES for k in range(2)},
            None,
        ),
        "DeepGlobe _sat _mask": Brought(
            {f"{split[n]}/{n}_sat.png": n for n in IMAGES} | {f"train/{n}_mask.png": ASIDE + n for n in good},
            None,
            TEST,
        ),
        "BUSI _mask_1": Brought(
            {f"{words[n]}/{words[n]} ({n % EACH + 1}).png": n for n in IMAGES}
            | {f"{words[n]}/{words[n]} ({n % EACH + 1})_mask{k}.png": ASIDE + n for n in IMAGES for k in ("", "_1")},
            words,
        ),
        "MVTec, one category": Brought(
            {f"train/good/{n:03d}.png": n for n in good}
            | {f"test/{('good', 'cut', 'hole')[n % 3]}/{n:03d}.png": n for n in TEST}
            | {f"ground_truth/{('good', 'cut', 'hole')[n % 3]}/{n:03d}_mask.png": ASIDE + n for n in TEST if n % 3},
            None,
            TEST,
            must="all training images are of one class, good",
        ),
        "MVTec, all categories": Brought(
            {f"{words[n]}/{split[n]}/{'good' if n in good or n % 2 else 'cut'}/{n % EACH:03d}.png": n for n in IMAGES}
            | {f"{words[n]}/ground_truth/cut/{n % EACH:03d}_mask.png": ASIDE + n for n in TEST if not n % 2},
            words,
            TEST,
        ),
        "VisA": Brought(
            {f"Data/Images/{('Normal', 'Anomaly')[n % 2]}/{n:04d}.png": n for n in IMAGES}
            | {f"Data/Masks/Anomaly/{n:04d}.png": ASIDE + n for n in IMAGES if n % 2},
            {n: ("Normal", "Anomaly")[n % 2] for n in IMAGES},
        ),
        "ImageNet with a flat val": Brought(
            {
                f"ILSVRC/Data/CLS-LOC/train/n0144{CLASS_OF[n]:04d}/n0144{CLASS_OF[n]:04d}_{n}.png"
                if n in good
                else f"ILSVRC/Data/CLS-LOC/val/ILSVRC2012_val_{n:08d}.png": n
                for n in IMAGES
            },
            {n: f"n0144{CLASS_OF[n]:04d}" for n in good},
            said="8 images in validation without class folders left out",
        ),
        "ImageNet devkit": Brought(
            {
                f"ILSVRC2012_img_train/n0144{CLASS_OF[n]:04d}/{n}.png"
                if n in good
                else f"ILSVRC2012_img_val/{n:08d}.png": n
                for n in IMAGES
            },
            {n: f"n0144{CLASS_OF[n]:04d}" for n in good},
            said="8 images in validation without class folders left out",
        ),
        "ILSVRC2012_img_val alone": Brought(
            {f"ILSVRC2012_val_{n:08d}.png": n for n in IMAGES}, None, root="ILSVRC2012_img_val", must="none: "
        ),
        "Tiny-ImageNet": Brought(
            {
                f"train/n0{CLASS_OF[n]}/images/n0{CLASS_OF[n]}_{n}.png" if n in good else f"val/images/val_{n}.png": n
                for n in IMAGES
            },
            {n: f"n0{CLASS_OF[n]}" for n in good},
            said="8 images in validation without class folders left out",
        ),
        "STL-like unlabeled": Brought(
            {f"{split[n]}/{words[n]}/{plain[n]}" if n % 4 else f"unlabeled/{plain[n]}": n for n in IMAGES},
            words,
            said="10 images outside the folders test, train left out",
        ),
        "unlabeled beside classes": Brought(
            {f"{words[n]}/{plain[n]}" if n % 4 else f"unlabeled/{plain[n]}": n for n in IMAGES},
            {n: words[n] for n in IMAGES if n % 4},
        ),
        "NIH images_001": Brought({f"images_{n // 10 + 1:03d}/images/{n:08d}_000.png": n for n in IMAGES}, None),
        "KITTI": Brought({f"{split[n]}ing/image_{2 + n % 2}/{n // 2:06d}.png": n for n in IMAGES}, None, TEST),
        "YOLO": Brought(
            {f"images/{split[n].replace('test', 'val')}/{plain[n]}": n for n in IMAGES},
            None,
            TEST,
            extra={f"labels/train/{n:06d}.txt": b"0 .5 .5 .1 .1" for n in IMAGES},
        ),
        "Roboflow": Brought(
            {f"{split[n].replace('test', 'valid')}/images/{plain[n]}": n for n in IMAGES},
            None,
            TEST,
            extra={"train/_annotations.coco.json": b"{}", "data.yaml": b"nc: 3"},
        ),
        "Pets": Brought(
            {f"images/{words[n]}_{n}.png": n for n in IMAGES}
            | {f"annotations/trimaps/{words[n]}_{n}.png": ASIDE + n for n in IMAGES},
            None,
        ),
        "Flickr faces": Brought({f"{n // 10 * 1000:05d}/{n // 10 * 1000 + n:05d}.png": n for n in IMAGES}, None),
        "stereo left right": Brought({f"{('left', 'right')[n % 2]}/s{n // 2}.png": n for n in IMAGES}, None),
        "MNIST export": Brought(
            {f"{split[n]}ing/{CLASS_OF[n]}/{(n * 13) % 97}.png": n for n in IMAGES},
            {n: str(CLASS_OF[n]) for n in IMAGES},
            TEST,
        ),
        "GTSRB": Brought(
            {f"Images/{CLASS_OF[n]:05d}/{n % EACH:05d}_{n % 3:05d}.png": n for n in IMAGES},
            {n: f"{CLASS_OF[n]:05d}" for n in IMAGES},
        ),
        "train_cats test_dogs": Brought(
            {f"{split[n]}_{words[n]}s/{plain[n]}": n for n in IMAGES}, {n: f"{words[n]}s" for n in IMAGES}, TEST
        ),
        "Office: domains above classes": Brought(
            {f"{('amazon', 'dslr')[n % 2]}/{words[n]}/{plain[n]}": n for n in IMAGES},
            words,
            said="holds the same folders",
        ),
        "original and augmented": Brought(
            {f"original/{plain[n]}": n for n in IMAGES}
            | {f"augmented/{n:06d}_{k}.png": ASIDE + n for n in IMAGES for k in "ab"},
            None,
        ),
        "thumbs beside classes": Brought(
            {f"{words[n]}/{plain[n]}": n for n in IMAGES}
            | {f"thumbs/{words[n]}/{plain[n]}": ASIDE + n for n in IMAGES},
            words,
        ),
        "an image a class": Brought(
            {f"{n:03d}_person/{plain[n]}": n for n in IMAGES}, None, must="each of the 40 classes"
        ),
        "half of the classes have one image": Brought(
            {f"{words[n] if n % 4 == 0 else f'person {n}'}/{plain[n]}": n for n in IMAGES}, None, must="have one image"
        ),
        "one class folder beside another's masks": Brought(
            {f"cells/{plain[n]}": n for n in IMAGES} | {f"masks/{plain[n]}": ASIDE + n for n in IMAGES}, None
        ),
        "test cities of their own": Brought(
            {
                f"{split[n]}/{('aachen', 'ulm')[n % 2] if n in good else ('bonn', 'koeln')[n % 2]}/{plain[n]}": n
                for n in IMAGES
            },
            None,
            TEST,
            must="no class stands in both",
        ),
    }
    for title, brought in layouts.items():
        yield trial("known layouts", title, brought)
