"""Pages of campaigns: 群消息, 排期, 群SOP."""
