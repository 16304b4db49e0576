"""CULTURE 文化: how people treat each other, in numbers that say where they come from."""
