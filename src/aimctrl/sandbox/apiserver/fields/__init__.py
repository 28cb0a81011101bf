"""Who manages which field: `metadata.managedFields` and server-side apply."""
