"""CONVERT 转化: catalog, flash sales, orders."""
