"""Who may ask what, as a table of its own: a request that slips into another role's set in `engine.access` is seen here."""

from typing import get_args

import pytest

from tests.unit.engine.bench import bench
from tests.unit.engine.cars import cars
from tests.unit.engine.test_roles import ROLES, as_, example
from tests.unit.engine.virtual_time import in_virtual_time
from v2g_console.contract import requests as ask
from v2g_console.contract.replies import Refusal, Refused
from v2g_console.domain.roles import Role

LEAST: dict[str, Role] = {
    # to look
    "fleet": Role.VIEWER,
    "forecast": Role.VIEWER,
    "ecowatt": Role.VIEWER,
    "status": Role.VIEWER,
    "dispatch_detail": Role.VIEWER,
    "identity": Role.VIEWER,
    "tags": Role.VIEWER,
    "stop_list": Role.VIEWER,
    # to read the record
    "journal": Role.AUDITOR,
    "journal_entry": Role.AUDITOR,
    "handover": Role.AUDITOR,
    # to act
    "plan": Role.OPERATOR,
    "arm": Role.OPERATOR,
    "operate": Role.OPERATOR,
    "dispatch": Role.OPERATOR,
    "update": Role.OPERATOR,
    "cancel": Role.OPERATOR,
    "retry": Role.OPERATOR,
    "stop": Role.OPERATOR,
    "ack_alarm": Role.OPERATOR,
    "shelve_alarm": Role.OPERATOR,
    "unshelve_alarm": Role.OPERATOR,
    "note": Role.OPERATOR,
    "lock": Role.OPERATOR,
    "unlock": Role.OPERATOR,
    "tag": Role.OPERATOR,
    "untag": Role.OPERATOR,
    "configuration": Role.OPERATOR,
    "ecowatt_feed": Role.OPERATOR,
    "ecowatt_dismiss": Role.OPERATOR,
    # to lift what somebody held, and to be the second pair of eyes
    "resume": Role.SUPERVISOR,
    "reset_trust": Role.SUPERVISOR,
    "approve": Role.SUPERVISOR,
    "reject": Role.SUPERVISOR,
}
ORDER = list(Role)


def test_every_request_is_in_this_table_too() -> None:
    assert {str(kind.__struct_config__.tag) for kind in get_args(ask.Request)} == set(LEAST)


@pytest.mark.parametrize("name", sorted(LEAST))
@in_virtual_time
async def test_the_gate_lets_in_just_who_the_policy_says(name: str) -> None:
    async with bench(cars(1), sections=ROLES) as one:
        let_in = []
        for role in ORDER:
            reply = await one.say(example(name), as_(role))
            if not (isinstance(reply, Refused) and reply.reason is Refusal.FORBIDDEN):
                let_in.append(role)
        assert let_in == ORDER[ORDER.index(LEAST[name]) :]
