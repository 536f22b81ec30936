"""Certificate and key are looked at before anything starts."""

import pytest

from api.services.tls import check_tls, is_secure
from shared.errors import InvalidRequest
from shared.settings import Settings
from tests.certificates import write_pair


def test_without_both_it_speaks_plain_http():
    check_tls(Settings())

    assert not is_secure(Settings())


def test_a_pair_that_belongs_together_is_taken(tmp_path):
    cert, key = write_pair(tmp_path)
    settings = Settings(tls_cert=cert, tls_key=key)

    check_tls(settings)

    assert is_secure(settings)


@pytest.mark.parametrize("given", ["tls_cert", "tls_key"])
def test_half_a_pair_names_the_other_half(tmp_path, given):
    missing = {"tls_cert": "--tls-key", "tls_key": "--tls-cert"}[given]

    with pytest.raises(InvalidRequest, match=f"needs {missing}"):
        check_tls(Settings(**{given: tmp_path / "x"}))


def test_a_file_that_is_not_there_is_named(tmp_path):
    cert, _ = write_pair(tmp_path)

    with pytest.raises(InvalidRequest, match=r"tls_key: there is no file .*gone\.key"):
        check_tls(Settings(tls_cert=cert, tls_key=tmp_path / "gone.key"))


@pytest.mark.parametrize("flaw", ["another key", "no PEM", "a passphrase"])
def test_a_pair_that_cannot_be_used_is_one_sentence(tmp_path, flaw):
    cert, key = write_pair(tmp_path, passphrase=b"locked" if flaw == "a passphrase" else None)
    if flaw == "another key":
        key = write_pair(tmp_path, "other")[1]
    elif flaw == "no PEM":
        cert.write_text("hello")

    with pytest.raises(InvalidRequest, match="cannot be used"):
        check_tls(Settings(tls_cert=cert, tls_key=key))
