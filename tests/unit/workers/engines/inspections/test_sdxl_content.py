"""A file that is not what its name says is told by its content."""

import pickle
import re

import pytest

from shared.errors import EngineFailed
from tests.unit.workers.engines.inspections.sdxl_refusal import FIRST, SECOND, UNET, VAE, refusal

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 5135149760\n"


NOT_WEIGHTS = {
    "empty": (b"", "is empty"),
    "web page": (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "is a web page"),
    "pointer": (POINTER, "is a Git LFS pointer"),
    "pickle": (pickle.dumps({"a": 1}), "is pickled"),
    "zip": (b"PK\x03\x04" + b"\0" * 600, "is pickled"),
    "gguf": (b"GGUF\x03\0\0\0", "is a GGUF file"),
    "garbage": (b"not a tensor" * 20, "is cut short, damaged, or no safetensors file"),
}


@pytest.mark.parametrize("what", NOT_WEIGHTS)
@pytest.mark.parametrize("file", [UNET, FIRST, VAE])
def test_what_is_no_weights_is_told_by_its_content(sdxl, file, what):
    data, told = NOT_WEIGHTS[what]
    sdxl.put(file, data)

    error = refusal(sdxl.folder)

    assert isinstance(error, EngineFailed)
    assert f"{file} {told}" in error.message


@pytest.mark.parametrize("what", ["empty", "web page", "pointer", "garbage"])
@pytest.mark.parametrize(
    "file", ["model_index.json", "unet/config.json", "tokenizer/tokenizer.json", "vae/config.json"]
)
def test_a_configuration_that_is_none_is_told_by_its_content(sdxl, file, what):
    sdxl.put(file, NOT_WEIGHTS[what][0])

    assert re.search(rf"{file} is (empty|a web page|a Git LFS pointer|no JSON)", refusal(sdxl.folder).message)


@pytest.mark.parametrize("file", [UNET, SECOND])
def test_half_a_file_is_told(sdxl, file):
    data = (sdxl.folder / file).read_bytes()
    sdxl.put(file, data[: len(data) // 2])

    assert f"{file} is cut short" in refusal(sdxl.folder).message
