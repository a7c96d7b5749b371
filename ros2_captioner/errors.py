"""Errors of the run time; each message says what was found, what was expected, what to type."""


class CaptionerError(Exception):
    """Base of every error that this package raises on purpose."""


class BundleError(CaptionerError):
    """A model bundle is missing, damaged, or of a schema this version does not read."""


class BackendError(CaptionerError):
    """A backend is unknown, not installed, or failed to load or run the model."""


class FrameError(CaptionerError):
    """A frame or an image message cannot be used; `reason` is a short key for counting.

    Attributes:
        reason: lower_snake_case class of the fault, e.g. ``"short_data"``.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(reason, message)  # both: sent to another process, it is rebuilt from them
        self.reason = reason

    def __str__(self) -> str:
        return str(self.args[1])


class OptionsError(CaptionerError):
    """What the user gave cannot be used: an option, a parameter, a file or a folder."""


def described(error: BaseException) -> str:
    """An error in words; those of this package speak for themselves."""
    if isinstance(error, CaptionerError):
        return str(error)
    return f"{type(error).__name__}: {error}".removesuffix(": ")
