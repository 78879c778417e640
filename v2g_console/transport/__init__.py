"""Secure MQTT: the port, its aiomqtt adapter, TLS, topics, the wire codec, link health.

For others: `port` (`MqttLink`, `Outgoing`, `PublishOutcome`), `aiomqtt_link.AiomqttLink`, `topics.Topics`, `inbound.Inbound`, `codec`,
`wire`, `refused.RefusedLog`, `connect_options.TransportConfigError`. The rest is how these work.
"""
