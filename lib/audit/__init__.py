"""The verifier against human verdicts, and one answer read aloud; opened by 04_verify.py."""

from lib.audit.audit import audit
from lib.audit.trial import try_one

__all__ = ["audit", "try_one"]
