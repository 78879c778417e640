"""Secure MQTT: the port, its aiomqtt adapter, TLS, topics, the wire codec, link health."""
