"""Small files of our own in the formats that are brought in."""

from pathlib import Path

DATA = Path(__file__).resolve().parent.parent / "data"
CHANNEL = DATA / "chat" / "channel.jsonl"  # nine lines: five events, one of them twice, three bad ones
MEMBERS = DATA / "people" / "members.csv"  # eight rows: four people, one number twice, three bad ones
