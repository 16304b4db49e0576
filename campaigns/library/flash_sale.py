"""The built-in pre-heat ladder of a flash sale 预热节奏 (product page C2, V3).

Placeholders are filled with true values when a text fires: {product}, {price}, {stock}, {left}, {sold} (paid),
{starts_at}, {start_time}, {ends_at}, {end_time}, {minutes_left}, {as_of}, {link}.
Nothing here claims buyers, stock or hurry that is not counted.
"""

from datetime import time

from django.utils.translation import gettext_noop as _

from campaigns.library.shape import HOUR, MINUTE, BuiltIn, Step

_MID_MORNING, _EVENING, _MORNING = time(10, 0), time(20, 0), time(9, 0)
_SOLD_OUT = ("sold_out",)

FLASH_SALE_LADDER = BuiltIn(
    key="flash-sale",
    version=1,
    name=_("Flash sale: the full ladder"),
    description=_("Three days before and then daily, on the day itself, during the sale and with its result."),
    steps=(
        Step(
            key="days-before-3",
            name=_("Three days before"),
            anchor="start",
            offset_days=-3,
            local_time=_MID_MORNING,
            latest_seconds=4 * HOUR,
            stops_on=_SOLD_OUT,
            zh="先和大家说一声：{product} 的限时抢购定在 {starts_at}，抢购价 {price}，一共 {stock} 件。\n"
            "先看看合不合适，到时再决定：{link}",
            en="A heads-up: {product} goes on flash sale at {starts_at} for {price}, {stock} pieces in all.\n"
            "Have a look first and decide then: {link}",
        ),
        Step(
            key="days-before-2",
            name=_("Two days before"),
            anchor="start",
            offset_days=-2,
            local_time=_MID_MORNING,
            latest_seconds=4 * HOUR,
            stops_on=_SOLD_OUT,
            zh="{product} 的限时抢购在 {starts_at} 开始，{ends_at} 结束，抢购价 {price}。\n"
            "有想问的直接在群里问，我们在。商品详情：{link}",
            en="The flash sale of {product} runs from {starts_at} to {ends_at}, price {price}.\n"
            "Any questions? Ask them here in the group. Details: {link}",
        ),
        Step(
            key="days-before-1",
            name=_("The day before"),
            anchor="start",
            offset_days=-1,
            local_time=_MID_MORNING,
            latest_seconds=4 * HOUR,
            stops_on=_SOLD_OUT,
            zh="提醒一下：{product} 限时抢购 {starts_at} 开始，{price}，{stock} 件。\n链接先收好，到点直接打开：{link}",
            en="A reminder: {product} goes on flash sale at {starts_at}, {price}, {stock} pieces.\n"
            "Keep the link, it opens on time: {link}",
        ),
        Step(
            key="rain-notice",
            name=_("Red-packet rain notice"),
            anchor="start",
            offset_days=-1,
            local_time=_EVENING,
            latest_seconds=90 * MINUTE,
            stops_on=_SOLD_OUT,
            needs=_("Somebody sends a round of red packets in the group one hour before the start."),
            zh="明天抢购开始前 1 小时，群里会下一轮红包雨，手气好的别错过。\n"
            "抢购 {starts_at} 开始：{product}，{price}。{link}",
            en="One hour before the sale there will be a round of red packets in this group. Good luck!\n"
            "The sale begins at {starts_at}: {product}, {price}. {link}",
        ),
        Step(
            key="morning",
            name=_("Morning of the day"),
            anchor="start",
            local_time=_MORNING,
            latest_seconds=2 * HOUR,
            stops_on=_SOLD_OUT,
            zh="早上好！今天有 {product} 的限时抢购，{start_time} 开始，{price}，{stock} 件。\n"
            "到点打开这里就能下单：{link}",
            en="Good morning! Today is the flash sale of {product}: {start_time}, {price}, {stock} pieces.\n"
            "Order here once it begins: {link}",
        ),
        Step(
            key="hour-before",
            name=_("1 hour before"),
            anchor="start",
            offset_seconds=-HOUR,
            latest_seconds=20 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="还有 {minutes_left} 分钟开抢：{product}，{price}，{start_time} 开始，{end_time} 结束。\n"
            "链接先收好，到点直接打开：{link}",
            en="{minutes_left} minutes to go: {product}, {price}, from {start_time} to {end_time}.\n"
            "Keep the link, it opens on time: {link}",
        ),
        Step(
            key="minutes-before-10",
            name=_("10 minutes before"),
            anchor="start",
            offset_seconds=-10 * MINUTE,
            latest_seconds=5 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="还有 {minutes_left} 分钟，{start_time} 准时开抢：{product}，{price}，{stock} 件。\n"
            "现在可以先打开页面等着：{link}",
            en="{minutes_left} minutes to go, the sale opens at {start_time}: {product}, {price}, {stock} pieces.\n"
            "You can open the page now and wait there: {link}",
        ),
        Step(
            key="start",
            name=_("Start"),
            anchor="start",
            latest_seconds=10 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="开抢了！{product}，{price}，{end_time} 结束。\n点这里下单：{link}",
            en="The sale is open! {product}, {price}, until {end_time}.\nOrder here: {link}",
        ),
        Step(
            key="half-sold",
            name=_("Half is sold"),
            anchor="condition",
            condition="half_sold",
            latest_seconds=10 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="{product} 已经卖出 {sold} 件，还剩 {left} 件（截至 {as_of}），{end_time} 结束。\n"
            "还在考虑的可以看看：{link}",
            en="{sold} pieces of {product} are sold and {left} are left (at {as_of}); the sale ends at {end_time}.\n"
            "Still thinking? {link}",
        ),
        Step(
            key="minutes-left-10",
            name=_("Last 10 minutes"),
            anchor="end",
            offset_seconds=-10 * MINUTE,
            latest_seconds=5 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="{end_time} 就结束了，{product} 还剩 {left} 件（截至 {as_of}）。\n还想要的朋友看这里：{link}",
            en="The sale ends at {end_time}; {left} pieces of {product} are left (at {as_of}).\n"
            "If you still want one: {link}",
        ),
        Step(
            key="result",
            name=_("Result"),
            anchor="end",
            latest_seconds=2 * HOUR,
            stops_on=_SOLD_OUT,
            zh="抢购结束啦，{product} 一共卖出 {sold} 件，谢谢大家！\n已付款的朋友，发货进度我们会在群里同步。",
            en="The sale is over: {sold} pieces of {product} were sold. Thank you all!\n"
            "If you have paid, we will keep you posted here about the delivery.",
        ),
        Step(
            key="sold-out",
            name=_("Sold out: the result"),
            anchor="condition",
            condition="sold_out",
            latest_seconds=2 * HOUR,
            zh="{product} 抢光了，{sold} 件全部卖完，谢谢大家！\n没抢到的朋友别着急，下次有货我们提前在群里说。",
            en="{product} is sold out: all {sold} pieces are gone. Thank you all!\n"
            "If you missed it: next time we will say so here in good time.",
        ),
    ),
)
