"""Discovery: a short Job that asks a model's image what it needs, and what becomes of its answer (SPEC §3)."""
