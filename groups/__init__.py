"""BUILD 建立: communities and their groups."""
