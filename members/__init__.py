"""ACQUIRE 拉新: who is who, memberships, passes, imports."""
