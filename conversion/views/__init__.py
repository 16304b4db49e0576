"""Pages of conversion: 商品, 限时抢购 with 抢购现场, 订单, and the members' sale page."""
