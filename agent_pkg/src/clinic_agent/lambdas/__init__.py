"""Lambda handlers on the tenancy core: nothing of the runtime is imported here."""
