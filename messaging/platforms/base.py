"""What every platform's adapter looks like, and what all of them share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar

from messaging import markup
from messaging.platforms.settings_reading import Setting, read_settings
from messaging.splitting import split

if TYPE_CHECKING:
    from messaging.platforms.inbound import Inbound

MAX_PARTS = 10  # of one message: more calls than that are no message any more


class Scope(StrEnum):
    """What is counted together."""

    CONNECTION = "connection"  # a platform account: one robot
    ENDPOINT = "endpoint"  # one chat
    WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` calls in any `seconds` seconds, on the receiver's clock."""

    count: int
    seconds: int
    scope: Scope = Scope.CONNECTION


class Unit(StrEnum):
    """How a platform counts the size of a text."""

    BYTES = "bytes"  # of UTF-8
    CHARACTERS = "characters"  # code points
    UTF16 = "utf16"  # units of UTF-16: most emoji count two


@dataclass(frozen=True, slots=True)
class Size:
    """The most that one text may have."""

    limit: int
    unit: Unit

    def measure(self, text: str) -> int:
        """The size of the text as the platform counts it."""
        if self.unit is Unit.BYTES:
            return len(text.encode("utf-8", "replace"))
        return len(text) if self.unit is Unit.CHARACTERS else len(text.encode("utf-16-le", "replace")) // 2


class ImageWay(StrEnum):
    """How an image gets there."""

    UPLOAD = "upload"  # its bytes go with the call
    ADDRESS = "address"  # the platform fetches it: `PUBLIC_URL` has to be reachable from outside
    HERE = "here"  # it stays in this installation


@dataclass(frozen=True, slots=True)
class ImageRule:
    """What an image must be like there; a larger one is made smaller. `caption`: a text that goes with it.

    `max_ratio`: of the longer side to the shorter; one beyond it is not shown as an image there and goes as a file.
    """

    max_bytes: int
    content_types: tuple[str, ...] = ("image/jpeg", "image/png")
    max_side: int | None = None  # pixels
    max_ratio: int | None = None
    caption: Size | None = None
    way: ImageWay = ImageWay.UPLOAD


@dataclass(frozen=True, slots=True)
class FileRule:
    """What a file must be like there; one that is not is refused, never changed."""

    max_bytes: int
    min_bytes: int = 1


@dataclass(frozen=True, slots=True)
class CardRule:
    """What the words of a link card may have; longer ones are refused, never cut."""

    title: Size
    text: Size


class Evidence(StrEnum):
    """What "accepted" rests on."""

    PLATFORM_CODE = "platform_code"  # the platform's own answer says yes
    HTTP_STATUS = "http_status"  # a status, and nothing more
    MAIL_SERVER = "mail_server"  # the next mail server took it
    LIBRARY = "library"  # a library says it went well; it does not say how it knows
    PERSON = "person"  # somebody says she did it
    ROOM = "room"  # a sandbox room, which is ours: it stands there


class Ability(StrEnum):
    """What can be done in a chat besides posting, and whether this system does it."""

    DONE = "done"  # the platform can, and this system does it
    OFFERED = "offered"  # the platform's API can with this kind of account; this system does not do it
    BY_APP = "by_app"  # this kind of account cannot, an app of the platform could; this system is none
    BY_PERSON = "by_person"  # no account can; a person can, in the chat
    NEVER = "never"  # there is no such thing there


OFFERED = frozenset({Ability.DONE, Ability.OFFERED})


class Welcome(StrEnum):
    """How a newcomer can be welcomed there."""

    NONE = "none"  # joins are not seen; a person does it
    MESSAGE = "message"  # a message like any other, after the join was seen


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a platform can do, as its own documentation says; `source` and `checked_on` say where and when.

    Of `read`, `kick`, `mute` and `recall` also whether this system does it: `can_…` is the platform, `does_…` is us.
    """

    text: Size
    markdown: Size | None = None  # none: a markdown text goes out as plain words
    image: ImageRule | None = None
    file: FileRule | None = None  # none: a message with a file is refused
    card: CardRule | None = None  # none: a card goes out as words
    can_post: bool = True
    can_mention: bool = False
    can_mention_all: bool = False
    read: Ability = Ability.BY_PERSON
    kick: Ability = Ability.BY_PERSON
    mute: Ability = Ability.BY_PERSON
    recall: Ability = Ability.BY_PERSON  # of what was posted from here
    can_list_chats: bool = False  # the account can say which chats it is in
    has_many_chats: bool = False  # one account serves many chats; else it is one chat by itself
    welcome: Welcome = Welcome.NONE
    evidence: Evidence = Evidence.PLATFORM_CODE
    drops_repeats: bool = False  # ignores a delivery it has seen
    limits: tuple[Limit, ...] = ()  # kept by messaging.services.limits
    limits_note: str = ""  # what a count and a window cannot say
    busy_minutes: tuple[int, ...] = ()  # of each hour: the platform itself says that it may refuse then
    source: str = ""
    checked_on: date | None = None

    @property
    def can_read(self) -> bool:
        return self.read in OFFERED

    @property
    def can_kick(self) -> bool:
        return self.kick in OFFERED

    @property
    def can_mute(self) -> bool:
        return self.mute in OFFERED

    @property
    def can_recall(self) -> bool:
        return self.recall in OFFERED

    @property
    def does_read(self) -> bool:
        return self.read is Ability.DONE

    @property
    def does_kick(self) -> bool:
        return self.kick is Ability.DONE

    @property
    def does_mute(self) -> bool:
        return self.mute is Ability.DONE

    @property
    def does_recall(self) -> bool:
        return self.recall is Ability.DONE

    @property
    def can_card(self) -> bool:
        """Whether a link card is shown as one."""
        return self.card is not None

    def size(self, *, is_markdown: bool) -> Size:
        """The limit of a text, which may be another one when it is markdown."""
        return self.markdown if is_markdown and self.markdown is not None else self.text


@dataclass(frozen=True, kw_only=True, slots=True)
class Account:
    """A platform's settings, checked and sorted: what people may see, what nobody may, and which chat."""

    config: dict[str, Any] = field(default_factory=dict)
    secret: dict[str, Any] = field(default_factory=dict)
    address: dict[str, Any] = field(default_factory=dict)
    drops_repeats: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """A link with a title, a few words and a picture; both addresses are open to everybody."""

    title: str
    url: str
    text: str = ""
    picture_url: str = ""

    def below(self, text: str) -> str:
        """What goes out where there are no cards: the text, and the card's words under it."""
        return "\n\n".join(filter(None, (text, "\n".join(filter(None, (self.title, self.text, self.url))))))


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """What is to be said, before a platform's spelling. `file_bytes`: the size of the file that goes with it."""

    text: str
    is_markdown: bool = False
    has_image: bool = False
    card: Card | None = None
    file_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one call carries: a text, an image, or both; or a card, or a file. A message is one or more, in order."""

    text: str = ""
    has_image: bool = False
    has_card: bool = False
    has_file: bool = False

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.has_image or self.has_card or self.has_file)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image as this platform takes it: its bytes where they are uploaded, else the link to fetch it by.

    `is_file`: its proportions are beyond `ImageRule.max_ratio`.
    """

    asset_id: int
    content_type: str
    file_name: str
    data: bytes = b""
    url: str = ""
    is_file: bool = False


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to be uploaded, as it was stored."""

    asset_id: int
    content_type: str
    file_name: str
    data: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One part of a message ready to go, with everything the call needs: adapters read no delivery rows."""

    workspace_id: int
    delivery_id: int
    endpoint_id: int
    announcement_id: int | None
    group_id: int | None
    text: str  # of this part, as it was written: `Adapter.spelled` makes the platform's of it
    sent_at: datetime
    signed_at: datetime  # the database's time, which signatures use
    config: dict[str, Any]
    secret: dict[str, Any]
    address: dict[str, Any]
    is_markdown: bool = False
    picture: Picture | None = None
    card: Card | None = None
    attachment: Attachment | None = None
    part: int = 0
    part_count: int = 1
    label: str = ""  # what people call the target; a mail's subject

    @property
    def key(self) -> str:
        """The same for each try of this part, another for everything else."""
        return str(self.delivery_id) if self.part_count == 1 else f"{self.delivery_id}.{self.part + 1}"


class Outcome(StrEnum):
    ACCEPTED = "accepted"
    RETRY = "retry"  # refused for now, nothing was accepted
    REFUSED = "refused"  # refused for good
    IN_DOUBT = "in_doubt"  # may have been accepted


@dataclass(frozen=True, slots=True)
class Result:
    """What the platform said. `code` and `text` are its own words, `retry_after_seconds` its own wish.

    `max_attempts`: the platform's rule for this code, when it allows fewer tries than ours.
    `is_too_fast`: refused because of the pace alone: it costs no try, and all of `cools` waits.
    `pause_seconds`: the platform says that another call of `cools` would be too fast before they are over.
    `refuses_key`: the account is meant, not this message or chat: its key is wrong or was taken back.
    """

    outcome: Outcome
    code: str = ""
    text: str = ""
    http_status: int | None = None
    retry_after_seconds: float | None = None
    message_id: str = ""
    max_attempts: int | None = None
    is_too_fast: bool = False
    cools: Scope = Scope.CONNECTION
    pause_seconds: float | None = None
    refuses_key: bool = False


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat an account is in: `id` is what `address["chat"]` takes."""

    id: str
    title: str
    is_person: bool = False


class ChatsUnknown(Exception):
    """The platform would not say which chats there are; the text is for people and holds no secret."""


class Adapter:
    """Base of the adapters: one for each platform, without state.

    `send` may take up to 5 s (10 s where a file goes first), is called outside any transaction, and never raises
    for what the platform or the network does.
    """

    capabilities: ClassVar[Capabilities]
    settings: ClassVar[tuple[Setting, ...]] = ()
    kind: ClassVar[str] = "chat"  # of its endpoints: `messaging.models.EndpointKind`
    dialect: ClassVar[markup.Dialect] = markup.PLAIN  # of markdown texts
    plain_dialect: ClassVar[markup.Dialect] = markup.PLAIN  # of texts without marks: mentions, and what needs escaping

    identified_by: ClassVar[tuple[str, ...]] = ()  # settings that say which account it is there; none: nothing does
    leads_secrets: ClassVar[frozenset[str]] = frozenset()  # settings that say where a secret goes
    names_chat: ClassVar[frozenset[str]] = frozenset()  # settings of an account that has one chat, and is named by them
    inbound: ClassVar["Inbound | None"] = None  # how what happens in its chats comes in

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed: else it is offered to nobody, and what was stored for it is refused."""
        return True

    def send(self, message: Outgoing) -> Result:
        """Post one part of a message."""
        raise NotImplementedError

    def read_config(self, config: Mapping[str, Any]) -> Account:
        """Check and sort what a person or tool gave, of account and chat. Raises messaging.errors.ConfigRefused."""
        return read_account(self.settings, config)

    def read_address(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Check what names one more chat of an account that is known. Raises messaging.errors.ConfigRefused."""
        return read_settings([one for one in self.settings if one.is_of_chat], config)

    def is_same_chat(self, one: Account, other: Account) -> bool:
        """Whether what is sent with either of the two arrives in the same chat, as far as their settings say."""
        told = {key: value for key, value in (one.config | one.secret).items() if key in self.names_chat}
        said = {key: value for key, value in (other.config | other.secret).items() if key in self.names_chat}
        return one.address == other.address and told == said

    def account_key(self, config: Mapping[str, Any], secret: Mapping[str, Any]) -> tuple[str, ...]:
        """Which account this is on its platform: the same for every row it was entered in; empty where nothing says it.

        It holds secrets: to be stored as `common.fields.recognised_by` only.
        """
        known = {**config, **secret}
        found = tuple(str(known.get(key, "")) for key in self.identified_by)
        return found if found and found[0] else ()

    def chat_key(self, address: Mapping[str, Any]) -> str | None:
        """Which chat of its account the platform counts calls to this address under: topics of one group are one chat.

        None where an address may stand for several chats that only the receiver tells apart.
        """
        return str(address.get("chat", "")).lower()

    def list_chats(self, config: dict[str, Any], secret: dict[str, Any]) -> Sequence[Chat]:
        """The chats the account is in, where the platform says (`can_list_chats`). Raises ChatsUnknown."""
        raise ChatsUnknown

    def spelled(self, text: str, *, is_markdown: bool) -> str:
        """The text as the platform wants it written."""
        speaks = is_markdown and self.capabilities.markdown is not None
        return markup.render(text, is_markdown=is_markdown, dialect=self.dialect if speaks else self.plain_dialect)

    def size_of(self, text: str, *, is_markdown: bool) -> int:
        """The size of the text as it would go out, as the platform counts it."""
        return self.capabilities.size(is_markdown=is_markdown).measure(self.spelled(text, is_markdown=is_markdown))

    def caption_size(self, text: str, *, is_markdown: bool) -> int:
        """The size of a text that goes with an image, as the rule for images counts it."""
        caption = self.capabilities.image.caption if self.capabilities.image is not None else None
        return caption.measure(self.spelled(text, is_markdown=is_markdown)) if caption is not None else 0

    def in_words(self, content: Content) -> Content:
        """The same, with the card's words below the text where the platform has no cards."""
        if content.card is None or self.capabilities.can_card:
            return content
        return replace(content, text=content.card.below(content.text), card=None)

    def all_parts(self, content: Content) -> tuple[Part, ...]:
        """Text and image, then the card (in words where the platform has none), then the file; never nothing."""
        told = self.in_words(content)
        parts = self.parts(told) if told.text or told.has_image else ()
        return (*parts, *self.extras(told)) or (Part(told.text),)

    def extras(self, content: Content) -> tuple[Part, ...]:
        """What goes after text and image, each in a call of its own: a card where there are cards, and a file."""
        has_card = content.card is not None and self.capabilities.can_card
        found = ((Part(has_card=True), has_card), (Part(has_file=True), content.file_bytes is not None))
        return tuple(part for part, is_there in found if is_there)

    def parts(self, content: Content) -> tuple[Part, ...]:
        """What is called for one after the other: the image first, with the text where it may have one."""
        if not content.has_image or self.capabilities.image is None:
            return self._text_parts(content)
        caption = self.capabilities.image.caption
        size = self.caption_size(content.text, is_markdown=content.is_markdown)
        if not content.text or (caption is not None and size <= caption.limit):
            return (Part(content.text, has_image=True),)
        return (Part(has_image=True), *self._text_parts(content))

    def _text_parts(self, content: Content) -> tuple[Part, ...]:
        limit = self.capabilities.size(is_markdown=content.is_markdown).limit

        def fits(piece: str) -> bool:
            return self.size_of(piece, is_markdown=content.is_markdown) <= limit

        whole = markup.marked_ranges(content.text, is_markdown=content.is_markdown)
        return tuple(Part(piece) for piece in split(content.text, fits, kept_whole=whole))


def read_account(settings: Sequence[Setting], config: Mapping[str, Any]) -> Account:
    """Settings sorted by what may be seen of them; those of the chat apart."""
    values = read_settings(settings, config)
    flags = {one.key for one in settings if one.key == "drops_repeats"}
    of_chat = {one.key for one in settings if one.is_of_chat}
    secret = {one.key for one in settings if one.is_secret}
    return Account(
        config={key: value for key, value in values.items() if key not in flags | of_chat | secret},
        secret={key: value for key, value in values.items() if key in secret},
        address={key: value for key, value in values.items() if key in of_chat},
        drops_repeats=bool(values.get("drops_repeats", False)),
    )
