"""The access list that we ship names just the topics that the program uses by default; tests/broker shows what a broker makes of it."""

from pathlib import Path

from v2g_console.config.settings import Settings
from v2g_console.transport.topics import Topics

ACL = Path(__file__).parents[3] / "deploy" / "mosquitto" / "acl"


def test_engine_and_vehicles_may_do_what_the_program_does_and_nothing_else() -> None:
    settings = Settings()
    topics = Topics.from_settings(settings.mqtt, settings.telemetry)
    to_all = {topics.discovery, topics.telemetry_request, settings.mqtt.lwt_topic}
    from_vehicles = {
        pattern.topic_filter for pattern in (topics.ack_pattern, topics.state_pattern, topics.description_pattern, topics.pull_pattern)
    }
    command = topics.command_pattern.topic_filter
    engine = {f"topic write {topic}" for topic in {command} | to_all} | {f"topic read {topic}" for topic in from_vehicles}
    vehicle = {f"pattern read {command}".replace("+", "%u"), *(f"pattern read {topic}" for topic in to_all)}
    vehicle |= {f"pattern write {topic}".replace("+", "%u") for topic in from_vehicles}
    rules = [line for line in ACL.read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == f"user {settings.mqtt.client_id}"
    assert sorted(rules[1:]) == sorted(engine | vehicle)
    assert {subscription.topic_filter for subscription in topics.engine_subscriptions()} <= from_vehicles
