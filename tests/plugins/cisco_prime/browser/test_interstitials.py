"""What stands between login and menu: passed where it only informs, quoted to a person where it asks for more."""

from __future__ import annotations

import pytest

from retrust_plugins.cisco_prime.browser.interstitials import Press, Refuse, answer

CHANGE, OTHER = Refuse("a change of the password"), Refuse("the end of another session")


@pytest.mark.parametrize(
    ("text", "buttons", "boxes", "decided"),
    [
        ("Welcome. Last login: yesterday.", ["Help", "Continue"], 0, Press("Continue")),
        ("Authorized users only. All use is monitored.", ["I Agree", "Log out"], 0, Press("I Agree")),
        ("Another session is active from 10.1.1.1.", ["Continue", "Cancel"], 0, Press("Continue")),
        ("You are already logged in from 10.1.1.1. Continue?", ["Cancel", "OK"], 0, Press("OK")),
        ("Your previous session was terminated because it was idle.", ["OK"], 0, Press("OK")),
        ("Another session is active. It will not be logged out.", ["Continue", "Cancel"], 0, Press("Continue")),
        ("A session is active elsewhere. You may end it.", ["End other session", "Continue"], 0, Press("Continue")),
        ("Another session is active. Continue and terminate the other session?", ["Continue", "Cancel"], 0, OTHER),
        ("If you continue, the other user will be logged out.", ["Yes", "No"], 0, OTHER),
        ("Do you want to end the session of root at 10.1.1.1?", ["OK", "Cancel"], 0, OTHER),
        ("Your password will expire in 6 days.", ["Change Password", "Remind me later"], 0, Press("Remind me later")),
        ("Your password will expire in 6 days.", ["Change now", "Continue"], 0, Press("Continue")),
        ("Your password expires in 3 days. Continue to change it.", ["Continue"], 0, CHANGE),
        ("Your password will expire soon.", ["Save", "Skip"], 2, Press("Skip")),
        ("Your password has expired.", ["Continue"], 0, CHANGE),
        ("You must change your password.", ["Submit"], 2, CHANGE),
        ("Choose a new one", ["OK"], 2, CHANGE),
        ("Last login: yesterday. 2 failed login attempts since.", ["Continue"], 0, Press("Continue")),
        ("Login failed: your account is locked.", ["OK"], 0, None),
        ("Maximum number of sessions exceeded.", ["OK"], 0, None),
        ("All devices will be deleted.", ["OK"], 0, None),
        ("Your trial ends in 60 days.", ["Buy"], 0, None),
    ],
)
def test_what_a_page_after_the_login_means(text, buttons, boxes, decided):
    """A notice is passed by its gentlest button; nobody's session is ended and no password changed."""
    assert answer(text, buttons, boxes=boxes, page=True) == decided


def test_a_dialog_over_the_pages_must_speak_of_the_login():
    """What a page may say before the menu is not passed over the pages: it may be a question of the work."""
    assert answer("Do you want to proceed with HA registration?", ["Continue", "Cancel"]) is None
    assert answer("Another session is active.", ["Continue", "Cancel"]) == Press("Continue")
