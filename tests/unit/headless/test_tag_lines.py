"""Tags and the silent list of STOP as JSON Lines."""

import pytest

from v2g_console.contract.requests import StopList, Tag, Tags, Untag
from v2g_console.contract.tags import TagKind, TagScope
from v2g_console.headless.parsing import BadLine, HeadlessRequest, parse_line
from v2g_console.headless.source import InputLine


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        (
            b'{"request":"tag","kind":"INHIBIT","scope":"site","name":"lyon-2","note":"roof works"}',
            Tag(kind=TagKind.INHIBIT, scope=TagScope.SITE, name="lyon-2", note="roof works"),
        ),
        (
            b'{"request":"tag","kind":"CAUTION","scope":"fleet","note":"storm"}',
            Tag(kind=TagKind.CAUTION, scope=TagScope.FLEET, note="storm"),
        ),
        (b'{"request":"untag","tag_id":"t7f3a","note":"done"}', Untag(tag_id="t7f3a", note="done")),
        (b'{"request":"tags"}', Tags()),
        (b'{"request":"stop_list"}', StopList()),
    ],
)
def test_a_line_becomes_the_request(text: bytes, request_: HeadlessRequest) -> None:
    assert parse_line(InputLine(1, text)) == request_


@pytest.mark.parametrize(
    "text",
    [
        b'{"request":"tag","kind":"FORBID","scope":"fleet","note":"x"}',
        b'{"request":"tag","kind":"INHIBIT","scope":"galaxy","note":"x"}',
        b'{"request":"tag","kind":"INHIBIT","scope":"fleet"}',
        b'{"request":"tag","kind":"INHIBIT","scope":"fleet","note":7}',
        b'{"request":"untag","tag_id":"t7f3a"}',
    ],
)
def test_a_wrong_one_is_refused_by_name(text: bytes) -> None:
    bad = parse_line(InputLine(1, text))
    assert isinstance(bad, BadLine)
    assert bad.request in ("tag", "untag")
