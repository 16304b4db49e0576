"""The same ladder with minute offsets: an ordinary playbook that a newcomer sees run within five minutes."""

from django.utils.translation import gettext_noop as _

from campaigns.library.shape import MINUTE, BuiltIn, Step

_SOLD_OUT = ("sold_out",)

DEMO_LADDER = BuiltIn(
    key="demo-ladder",
    version=1,
    name=_("Flash sale: ladder in minutes"),
    description=_("A short ladder with minute offsets, for trying things out or for a quick sale."),
    steps=(
        Step(
            key="minutes-before-3",
            name=_("3 minutes before"),
            anchor="start",
            offset_seconds=-3 * MINUTE,
            latest_seconds=MINUTE,
            stops_on=_SOLD_OUT,
            zh="马上有一场限时抢购：{product}，{price}，{stock} 件，{start_time} 开始。\n先看看：{link}",
            en="A flash sale is coming: {product}, {price}, {stock} pieces, from {start_time}.\nHave a look: {link}",
        ),
        Step(
            key="minute-before",
            name=_("1 minute before"),
            anchor="start",
            offset_seconds=-MINUTE,
            latest_seconds=30,
            stops_on=_SOLD_OUT,
            zh="还有 1 分钟左右开抢：{product}，{price}。\n打开页面等着：{link}",
            en="About one minute to go: {product}, {price}.\nOpen the page and wait there: {link}",
        ),
        Step(
            key="start",
            name=_("Start"),
            anchor="start",
            latest_seconds=MINUTE,
            stops_on=_SOLD_OUT,
            zh="开抢了！{product}，{price}，{end_time} 结束。\n点这里下单：{link}",
            en="The sale is open! {product}, {price}, until {end_time}.\nOrder here: {link}",
        ),
        Step(
            key="half-sold",
            name=_("Half is sold"),
            anchor="condition",
            condition="half_sold",
            latest_seconds=MINUTE,
            stops_on=_SOLD_OUT,
            zh="{product} 已经卖出 {sold} 件，还剩 {left} 件（截至 {as_of}）：{link}",
            en="{sold} pieces of {product} are sold and {left} are left (at {as_of}): {link}",
        ),
        Step(
            key="last-minute",
            name=_("Last minute"),
            anchor="end",
            offset_seconds=-MINUTE,
            latest_seconds=30,
            stops_on=_SOLD_OUT,
            zh="最后 1 分钟左右，{product} 还剩 {left} 件，{end_time} 结束：{link}",
            en="About one minute left and {left} pieces of {product}, until {end_time}: {link}",
        ),
        Step(
            key="result",
            name=_("Result"),
            anchor="end",
            latest_seconds=10 * MINUTE,
            stops_on=_SOLD_OUT,
            zh="抢购结束啦，{product} 一共卖出 {sold} 件，谢谢大家！",
            en="The sale is over: {sold} pieces of {product} were sold. Thank you all!",
        ),
        Step(
            key="sold-out",
            name=_("Sold out: the result"),
            anchor="condition",
            condition="sold_out",
            latest_seconds=10 * MINUTE,
            zh="{product} 抢光了，{sold} 件全部卖完，谢谢大家！",
            en="{product} is sold out: all {sold} pieces are gone. Thank you all!",
        ),
    ),
)
