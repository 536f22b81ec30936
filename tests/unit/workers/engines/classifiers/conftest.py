import pytest
import torch

from shared.models.catalogue import load_catalogue
from shared.settings import Settings


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return load_catalogue(Settings(data_dir=tmp_path_factory.mktemp("data")))
