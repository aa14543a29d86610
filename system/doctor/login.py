"""Whether Asterisk lets the panel's user in; if not, why not."""

from django.utils.translation import gettext_noop

from engine.ami.client import Session
from engine.ami.errors import AnswerTimeout, ConnectFailed, LinkLost, LoginRefused, NotAmi

from .examination import Examination
from .report import Finding, Text, ok, problem


async def login(examination: Examination) -> Finding:
    """Does Asterisk let us in?"""
    address = examination.address
    try:
        session = await Session.open(address, examination.on_event, events="off", timeout=examination.patience)
    except LoginRefused as error:
        return _refused(examination, error)
    except (ConnectFailed, NotAmi) as error:  # only over HTTP: else the steps before have found it
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "AMI over HTTP needs “webenabled = yes” in [general] of manager.conf, and “enabled = yes” "
                        "(for HTTPS “tlsenable = yes”) in http.conf; “http show status” on Asterisk's console says at "
                        "which port, and under which paths."
                    )
                )
            ],
            kind="not-over-http",
        )
    except AnswerTimeout as error:
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "Asterisk is running, but does not answer: is it busy, or stuck? See “core show channels "
                        "count” and its log."
                    )
                )
            ],
            kind="no-answer",
        )
    except LinkLost as error:
        return problem(
            Text(error.sentence, **error.parameters),
            advice=[
                Text(
                    gettext_noop(
                        "Asterisk ended the connection before the login was done: its log says why. Too many "
                        "connections that have not logged in (authlimit) are one reason."
                    )
                )
            ],
            kind="closed",
        )
    examination.session = session
    return ok(
        Text(gettext_noop("“%(user)s” has logged in."), user=address.username),
        user=address.username,
        greeting=session.greeting,
    )


def _refused(examination: Examination, error: LoginRefused) -> Finding:
    user, answer = examination.address.username, error.parameters.get("answer", "")
    seen = Text(gettext_noop("Asterisk refuses the login of “%(user)s”: %(answer)s."), user=user, answer=answer)
    if "in use" in answer.lower():
        return problem(
            seen,
            advice=[
                Text(
                    gettext_noop(
                        "This user may be logged in only once (allowmultiplelogin = no), and already is: by the "
                        "panel's worker, or by another program. Give each program a user of its own, or set "
                        "allowmultiplelogin = yes."
                    )
                )
            ],
            kind="in-use",
        )
    return problem(
        seen,
        advice=[
            Text(
                gettext_noop(
                    "Asterisk says the same for a wrong user, a wrong secret and an address that it does not "
                    "permit; its log tells them apart:"
                )
            ),
            Text(
                gettext_noop(
                    "“tried to authenticate with nonexistent user '%(user)s'”: there is no [%(user)s] in "
                    "manager.conf, or “manager reload” is still to be done."
                ),
                user=user,
            ),
            Text(
                gettext_noop(
                    "“failed to pass IP ACL as '%(user)s'”: deny and permit in [%(user)s] shut us out. We come "
                    "from %(source)s (the line in the log has the address as Asterisk sees it): permit = "
                    "%(source)s."
                ),
                user=user,
                source=examination.source or "?",
            ),
            Text(
                gettext_noop(
                    "only “failed to authenticate as '%(user)s'”: the secret is wrong. In AMI_URL, the characters / ? "
                    "# @ : %% of a secret are written as %%2F %%3F %%23 %%40 %%3A %%25."
                ),
                user=user,
            ),
        ],
        kind="refused",
        source=examination.source,
        user=user,
    )
