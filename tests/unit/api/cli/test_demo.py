"""`darkroom demo` stands for itself."""

from api.cli.demo import _settings


def test_the_demo_asks_for_no_key_whatever_the_users_own_settings_say(tmp_path, monkeypatch):
    monkeypatch.setenv("DARKROOM_API_KEYS", "ann:s3cret")
    monkeypatch.setenv("DARKROOM_REDIS_URL", "redis://elsewhere/0")

    demo = _settings(tmp_path)

    assert (demo.api_keys, demo.redis_url, demo.host) == ((), None, "127.0.0.1")
