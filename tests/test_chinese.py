"""The Chinese of the panel: its punctuation, one word for one thing, and what is translated only when it is shown."""

import re

import polib
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from django.utils import translation

from accounts.models import DialPolicy
from audit.models import AuditEntry
from calls.models import Channel
from engine.mirror import answers
from engine.mirror.commands import Outcome, Status
from engine.mirror.models import PBX
from tests.access import people
from tests.test_translations import CATALOGUE, texts
from web import toasts

CHINESE = "\u4e00-\u9fff"
# What is quoted, typed or filled in has its own punctuation.
NOT_PROSE = re.compile(r"“[^”]*”|<[^>]*>|&\w+;")
# A half-width sign beside a Chinese character, or at the end of a Chinese sentence; brackets that stand beside one or
# have one in them; a colon between what is filled in.
HALF_WIDTH = re.compile(
    rf"[{CHINESE}）][,;:?!]|[,;:?!][{CHINESE}（]|[{CHINESE}]\(|\)[{CHINESE}]|\([^()]*[{CHINESE}][^()]*\)"
    rf"|[{CHINESE}][^{CHINESE}]*[?!]$|[{CHINESE}]\.|%\(\w+\)[sd][,;:]"
)
# As it is written in the English text → its one word in Chinese, and others that would mean the same.
GLOSSARY = {
    r"\b[Pp]articipants?\b": ("与会者", ("参与者", "参会者", "参加者", "与会人")),
    r"\b[Ss]peakers?\b": ("演讲者", ("发言人", "讲者 ", "主讲人", "演讲人")),
    r"\b[Mm]oderators?\b": ("主持人", ("主持者",)),
    r"\b[Ii]nvit(?:e|es|ation|ations)\b": ("邀请", ("呼入",)),
    r"^Invite$|^Call into this conference$": ("邀请入会", ()),
    r"^no answer$|nobody answered": ("无人接听", ("无答复", "无应答", "没有人接听")),
    r"\b[Kk]ick\b": ("移出", ("踢出", "踢除")),
}


def chinese() -> dict[str, str]:
    """The English texts that have no context of their own → the Chinese ones."""
    catalogue = polib.pofile(str(CATALOGUE))
    catalogue[:] = [entry for entry in catalogue if not entry.msgctxt]
    return texts(catalogue)


def half_width(text: str) -> list[str]:
    """Where a Chinese text has a half-width sign that is to be a full-width one."""
    return [found[0] for found in HALF_WIDTH.finditer(NOT_PROSE.sub("“”", text))]


@pytest.mark.parametrize(
    "text",
    [
        "无法连接,没有执行",
        "无法接通(线路拥塞)",
        "无法连接 %(where)s:%(reason)s。",
        "对吗?",
        "号码:101",
        "已启用 AMI?",
        "已保存.",
    ],
)
def test_half_width_punctuation_is_found(text: str) -> None:
    assert half_width(text)


def test_punctuation_is_full_width() -> None:
    assert {text: found for text in chinese().values() if (found := half_width(text))} == {}


@pytest.mark.parametrize("english", GLOSSARY)
def test_there_is_one_word_for_one_thing(english: str) -> None:
    word, others = GLOSSARY[english]
    meant = {text: translated for text, translated in chinese().items() if re.search(english, text)}
    assert meant
    assert {text: translated for text, translated in meant.items() if word not in translated} == {}
    used = {text: translated for text, translated in chinese().items() if any(other in translated for other in others)}
    assert used == {}


def test_an_invitation_that_nobody_answered_is_told_from_a_pbx_that_did_not_answer() -> None:
    with translation.override("zh-hans"):
        assert AuditEntry(status="no answer").outcome == "没有答复"
        assert translation.gettext("no answer") == "无人接听"


# Answers are kept in English, and shown in the language of whoever reads them.


@pytest.mark.parametrize("sentence", [*answers.SENTENCES, *(form for forms in answers.PLURALS for form in forms)])
def test_every_answer_that_is_known_is_told_in_chinese(sentence: str) -> None:
    kept = re.sub(r"%\((\w+)\)([sd])", lambda gap: "5" if gap[2] == "d" else f"<{gap[1]}>", sentence)
    with translation.override("zh-hans"):
        told = answers.in_words(kept)
    assert re.search(f"[{CHINESE}]", told)
    for gap in re.findall(r"<\w+>", kept):
        assert gap in told
    with translation.override("en"):
        assert answers.in_words(kept) == kept


@pytest.mark.parametrize(
    ("kept", "told"),
    [
        ("", ""),
        ("User muted", "已静音"),
        ("Originate successfully queued; Success, reason 4", "呼叫已开始；成功，原因代码 4"),
        (
            "lock after 5 min; invite 102; record: No Conference by that name found.",
            "5 分钟后锁定；邀请 102 入会；record: No Conference by that name found.",
        ),
        ("invite 102: No such channel", "邀请 102 入会：没有这个通道"),
        ("Something that nobody knows: 5", "Something that nobody knows: 5"),
        (
            "You may place 10 calls a minute. Wait a little, then try again.",
            "您每分钟最多可以拨打 10 次电话。请稍候再试。",
        ),
    ],
)
def test_of_several_answers_each_is_told_in_chinese(kept: str, told: str) -> None:
    with translation.override("zh-hans"):
        assert answers.in_words(kept) == told


def client_of(group: str, name: str, language: str) -> Client:
    client = Client()
    client.force_login(people.person(group, name))
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
    return client


@pytest.mark.django_db
def test_what_one_is_refused_in_chinese_others_read_in_their_own_language() -> None:
    people.a_small_pbx()
    caller = client_of("Operator", "ben", "zh-hans")
    numbers = {"number": "00301234", "command_id": "0123456789abcdef" * 2}
    DialPolicy.objects.update(refused="00.")
    told = caller.post(reverse("dial"), numbers).content.decode()
    assert "您不能拨打 00301234。" in told
    entry = AuditEntry.objects.get()
    assert entry.answer == "You may not call 00301234. Ask an administrator if you need to."
    page = reverse("audit-trail")
    assert entry.answer in client_of("Administrator", "anna", "en").get(page).content.decode()
    assert "您不能拨打 00301234。" in client_of("Administrator", "mia", "zh-hans").get(page).content.decode()


@pytest.mark.django_db
def test_a_link_that_is_down_is_kept_in_english() -> None:
    people.a_small_pbx()
    broke = "The connection broke: %(reason)s."
    PBX.objects.update(link=PBX.Link.CONNECTING, reason=broke, reason_parameters={"reason": "reset"})
    told = (
        client_of("Operator", "ben", "zh-hans")
        .post(reverse("call-command", args=["main", "1.1", "hangup"]))
        .content.decode()
    )
    assert "连接中断：reset。" in told
    assert {entry.answer for entry in AuditEntry.objects.all()} == {"The connection broke: reset."}


@pytest.mark.django_db
def test_the_states_of_legs_are_told_in_chinese() -> None:
    people.a_small_pbx()
    Channel.objects.filter(uniqueid="1.2").update(state="Ring")
    page = client_of("Operator", "ben", "zh-hans").get(reverse("calls")).content.decode()
    states = set(re.findall(r"<dt>状态</dt><dd>([^<]*)</dd>", page))
    assert states == {"已接通", "呼出中"}


# Being kept out.


@pytest.fixture
def locked_out(settings: object, db: None) -> Client:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]
    client = Client(headers={"Accept-Language": "zh-CN"})
    for _ in range(5):
        client.post("/login/", {"username": "anna", "password": "wrong"})
    return client


@pytest.mark.parametrize("path", ["/login/", "/admin/login/"])
def test_the_page_of_who_is_locked_out_is_in_chinese(locked_out: Client, path: str) -> None:
    response = locked_out.post(path, {"username": "anna", "password": "wrong"})
    assert response.status_code == 429
    html = response.content.decode()
    assert 'lang="zh-hans"' in html
    assert "密码错误次数过多。请在 10 分钟后重试，或请管理员为您解锁。" in html


def test_the_pages_that_unlock_are_in_chinese(locked_out: Client) -> None:
    user = people.person("Administrator", "mia", staff=True)
    client = Client(headers={"Accept-Language": "zh-CN"})
    client.force_login(user)
    index = client.get("/admin/").content.decode()
    assert "登录失败记录" in index
    page = client.get("/admin/axes/accessattempt/").content.decode()
    for words in ("用户名", "IP 地址", "失败次数", "尝试时间", "路径", "解锁：清除这些失败记录"):
        assert words in page
    for words in ("ccess attempt", "Attempt Time", "Failed Logins", "IP Address", "Axes"):
        assert words not in index + page
    logins = client.get("/admin/axes/accesslog/").content.decode()
    assert "登录记录" in logins
    assert "Logout Time" not in logins


def test_what_failed_at_the_pbx_is_said_in_full_width_brackets() -> None:
    with translation.override("zh-hans"):
        text = toasts.words(Outcome(Status.NOT_CONNECTED, "There is no connection."), "")
        refused = toasts.words(Outcome(Status.REFUSED, "They are already in a side room."), "")
    assert text.endswith("请在连接恢复后再试。（没有连接。）")
    assert refused == "PBX 拒绝了：他们已经在私谈室中。"
