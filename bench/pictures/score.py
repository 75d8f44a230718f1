"""Scores thumbnails against a full decode scaled by Lanczos: score.py PHOTO FOLDER prints SSIM of 1024, 512, 256 and their bytes."""
import io
import os
import sys

import numpy
from PIL import Image, ImageCms, ImageOps
from skimage.metrics import structural_similarity


def reference(path):
    picture = Image.open(path)
    profile = picture.info.get("icc_profile")
    picture = ImageOps.exif_transpose(picture).convert("RGB")
    if profile:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        picture = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"))
    return picture


photo, folder = sys.argv[1:3]
whole = reference(photo)
line = []
for size in (1024, 512, 256):
    made = Image.open(f"{folder}/{size}.jpeg").convert("RGB")
    wanted = whole.resize(made.size, Image.Resampling.LANCZOS)
    score = structural_similarity(numpy.asarray(wanted), numpy.asarray(made), channel_axis=2, data_range=255)
    line += [f"{score:.4f}", str(os.path.getsize(f"{folder}/{size}.jpeg"))]
print(" ".join(line))
