"""The demo workspace: made once by `bin/run`, alive within a minute. Everything in it is marked as a demo."""

from dashboard.demo.build import Demo, build_demo, schedule_demo_sale

__all__ = ["Demo", "build_demo", "schedule_demo_sale"]
