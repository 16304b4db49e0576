"""RETAIN 留存: who is active, counted by day from what really happened."""
