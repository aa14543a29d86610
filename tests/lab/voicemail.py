"""What the voicemail of a lab's Asterisk has on disk."""

from tests.lab.asterisk import Asterisk

# So much of a message is enough to be one, in bytes of a WAV file of 8 kHz and 16 bits.
_ENOUGH = 3 * 16_000


def is_recorded(asterisk: Asterisk, number: str) -> bool:
    """Whether somebody is leaving a message for this number, long enough to be one."""
    files = (asterisk.folder / f"spool/voicemail/default/{number}").glob("tmp/*.wav")
    return any(file.stat().st_size > _ENOUGH for file in files)
