"""The roof: pages that read across stages, navigation, the demo. Nobody imports it."""
