"""Roles and four eyes in the configuration: what contradicts itself is refused with its place."""

from pathlib import Path

import pytest

from v2g_console.config.load import LoadedSettings, load
from v2g_console.config.os_users import GROUPS, USERS, group_ids, groups_of, local_ids, own_user, user_ids, user_name
from v2g_console.config.problems import ConfigError
from v2g_console.domain.roles import Role

GOOD = """\
access:
  roles:
  - role: supervisor
    users: [ana, ben]
  - {role: operator, groups: [v2g-operators, "domain users"]}
  - {role: auditor, users: ["uid:1234"]}
  four_eyes_above_kw: 400
"""


def loaded(folder: Path, text: str) -> LoadedSettings:
    path = folder / "config.yaml"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return load(path, {})


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_roles_of_users_and_groups(tmp_path: Path) -> None:
    result = loaded(tmp_path, GOOD)
    assert [entry.role for entry in result.settings.access.roles] == [Role.SUPERVISOR, Role.OPERATOR, Role.AUDITOR]
    assert result.settings.access.roles[1].groups == ("v2g-operators", "domain users")
    assert result.settings.access.four_eyes_above_kw == 400.0
    assert result.warnings == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "access:\n  four_eyes_above_kw: 400\n",
            ["config.yaml:2 access.four_eyes_above_kw: needs access.roles: without them one person starts the engine and is everything,"],
        ),
        ("access:\n  approval_timeout_s: 60\n", ["config.yaml:2 access.approval_timeout_s: needs access.roles"]),
        (
            "access:\n  roles:\n  - role: boss\n    users: [ana]\n",
            ["config.yaml:3 access.roles[0].role: expected viewer, auditor, operator or supervisor, got 'boss'"],
        ),
        (
            GOOD.replace("users: [ana, ben]", "users: [ana, ben, ana]"),
            ["config.yaml:4 access.roles[0].users: 'ana' is listed twice: user and role go together once"],
        ),
        (
            GOOD.replace('["uid:1234"]', "[ben]"),
            ["config.yaml:6 access.roles[2].users: 'ben' is listed twice: user and role go together once"],
        ),
        (GOOD.replace("v2g-operators", '"a:b"'), ["config.yaml:5 access.roles[1].groups: expected names of groups"]),
        (GOOD.replace("uid:1234", "uid:"), ["config.yaml:6 access.roles[2].users: expected names of users"]),
        (
            "access: {roles: [{role: operator, users: [ana]}]}\n",
            ["config.yaml:1 access.roles[0].role: expected at least one supervisor in access.roles, got none"],
        ),
        (
            "access: {roles: [{users: [ana]}]}\n",
            ["config.yaml:1 access.roles[0].role: missing: expected viewer, auditor, operator or supervisor"],
        ),
        (GOOD.replace("400", "-1"), ["config.yaml:7 access.four_eyes_above_kw: expected a number of at least 0, got -1"]),
    ],
)
def test_what_can_not_be_meant_is_refused_with_its_place(tmp_path: Path, text: str, said: list[str]) -> None:
    found = problems(tmp_path, text)
    assert len(found) == len(said), found
    for line, start in zip(found, said, strict=True):
        assert line.startswith(start), line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("[ana, ben]", "[ana]"), "ana is the only supervisor: what ana asks above 400 kW nobody can approve"),
        (GOOD + "dispatch: {max_power_kw: 300}\n", "never asked: dispatch.max_power_kw refuses above 300 kW"),
        (GOOD.replace('users: ["uid:1234"]', "users: []"), "names neither users nor groups, so it is for nobody"),
    ],
)
def test_what_is_hardly_meant_is_a_warning(tmp_path: Path, text: str, said: str) -> None:
    assert [said in str(warning) for warning in loaded(tmp_path, text).warnings] == [True]


def test_the_lock_alone_needs_no_roles(tmp_path: Path) -> None:
    assert loaded(tmp_path, "access: {lock_after_s: 600}\n").settings.access.lock_after_s == 600.0


def test_the_operating_system_says_who_somebody_is_and_the_environment_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "boss")
    assert own_user() != "boss"
    assert user_name(4_000_000_000) == "uid:4000000000"
    assert "root" in groups_of("root")
    assert groups_of("no-such-user") == frozenset()
    assert user_ids(frozenset({"root", "no-such-user"})) == local_ids(USERS, frozenset({"root", "no-such-user"})) == {"root": 0}
    assert group_ids(frozenset({"root", "no-such-group"})) == local_ids(GROUPS, frozenset({"root", "no-such-group"})) == {"root": 0}


def test_files_of_users_may_be_missing_or_hold_anything(tmp_path: Path) -> None:
    assert local_ids(tmp_path / "group", frozenset({"ops"})) == {}
    (tmp_path / "group").write_bytes(b"+::::\nops\nops:x\n\xff\xfe:x:7:\nops:x:-1:ana\nops:x:1200:ana,ben\n")
    assert local_ids(tmp_path / "group", frozenset({"ops", "+"})) == {"ops": 1200}
