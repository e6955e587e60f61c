"""What the tests of stopping and continuing share: the states of processes inside a sandbox, and waiting for them."""

import os
import pathlib
import signal

from writ_testing import marked_processes, wait_until


def state(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()[0]
    except OSError:
        return "gone"


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return "gone"


def processor_time(pid):
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])
    except OSError:
        return 0


def tool_processes(mark):
    """The processes inside: neither Writ, whose command line has the mark as well, nor its helpers."""
    found = []
    for pid in marked_processes(mark):
        try:
            program = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if os.path.basename(program) != "writ":
            found.append(pid)
    return found


def states(mark):
    return sorted(state(pid) for pid in tool_processes(mark))


def wait_for_states(mark, condition, why):
    assert wait_until(lambda: condition(states(mark))), f"{why}: {states(mark)}"


def all_stopped(found):
    """D: waits in the kernel, for Writ's answer or for a child of vfork(2), and stops before it runs on."""
    return "T" in found and set(found) <= {"T", "D"}


def none_stopped(found):
    return bool(found) and "T" not in found


def wait_for(case, name="started"):
    assert wait_until(lambda: (case.workspace / name).exists()), f"{name} never came"


def ended(process, seconds=10):
    try:
        return process.wait(timeout=seconds)
    except Exception:
        process.kill()
        raise


def pause(process, mark):
    process.send_signal(signal.SIGTSTP)
    assert wait_until(lambda: state(process.pid) == "T"), f"Writ did not stop: {state(process.pid)}"
    assert all_stopped(states(mark)), f"Writ stopped before its sandbox: {states(mark)}"


def resume(process, mark):
    process.send_signal(signal.SIGCONT)
    assert wait_until(lambda: state(process.pid) != "T"), "Writ did not go on"
    wait_for_states(mark, none_stopped, "the sandbox did not go on")


def inside(pid):
    """The numbers of all processes below `pid`, as the host counts them."""
    found = []
    try:
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split():
            found += [int(child), *inside(int(child))]
    except OSError:
        pass
    return found
