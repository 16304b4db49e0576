"""Messages out and in: connections, endpoints, deliveries, the platforms behind them."""
