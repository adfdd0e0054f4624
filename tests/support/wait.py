"""wait.py - waiting for a condition. The only place where a test lets time pass."""
import time

PATIENCE = 60  # seconds until a test gives up; sanitizers and a busy machine are slow


def until(condition, what, patience=PATIENCE):
    """The first true value of condition(). AssertionError naming `what` when patience is over."""
    give_up = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > give_up:
            raise AssertionError(f"waited {patience}s in vain for {what() if callable(what) else what}")
        time.sleep(0.01)
