"""The errors `inface` raises; each message says what was expected, what came, and what to do."""


class InfaceError(Exception):
    """Base of every error that `inface` raises on purpose."""


class FormatError(InfaceError, ValueError):
    """A file is not what it claims to be, is damaged, or is of a layout that is not supported."""


class FileAccessError(InfaceError, OSError):
    """A file cannot be written: the folder is missing or forbidden, or the disk is full."""


class CorrespondenceError(InfaceError, ValueError):
    """A mesh does not correspond to the model: other vertices, other triangles, other unit or pose."""


class MissingBlockError(InfaceError, AttributeError):
    """An edit needs a latent block (identity, expression, age) or calibration that the model lacks."""


class MissingDependencyError(InfaceError, ImportError):
    """An optional package is needed and absent; the message holds the command that installs it."""


class ConvergenceError(InfaceError, ArithmeticError):
    """An iteration or a linear solve did not reach an answer that can be trusted."""


class FileWarning(UserWarning):
    """A file was read, but something it holds was not, or was mended; the message says what."""
