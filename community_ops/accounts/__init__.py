"""People and tools that may come in: users, workspaces (tenants), roles, API tokens."""
