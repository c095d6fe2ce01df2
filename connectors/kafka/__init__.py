"""Kafka: the one place where its client is imported."""
