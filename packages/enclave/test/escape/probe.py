# Tries to get out of the sandbox from Python; writes "OPEN name" or "closed name why" lines to /out/report.txt.
import ctypes, os, socket, subprocess, sys

secret, port, socket_path, abstract = sys.argv[1:5]
report = open("/out/report.txt", "w")


def tell(name, attempt):
    try:
        value = attempt()
        report.write(f"OPEN {name} {str(value)[:60]!r}\n")
    except BaseException as error:
        report.write(f"closed {name} {type(error).__name__}\n")
    report.flush()


def connect(family, address):
    made = socket.socket(family, socket.SOCK_STREAM)
    made.settimeout(2)
    made.connect(address)
    return "connected"


def call(number, *words):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *words) < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return "answered"


def kill_all():
    os.kill(1, 9)
    os.kill(1, 0)
    raise OSError("process 1 is still there")


def others():
    ids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    if len(ids) <= 2:
        raise OSError("only our own")
    return ids


tell("the machine's password file", lambda: open("/etc/passwd").read())
tell("a file of the machine", lambda: open(secret).read())
tell("a write to the root", lambda: open("/x", "w"))
tell("a write to the inputs", lambda: open("/in/x", "w"))
tell("a write over Python", lambda: open("/usr/lib/python3.11/os.py", "a"))
tell("a write over an input", lambda: open("/in/inputs.json", "a"))
tell("TCP", lambda: connect(socket.AF_INET, ("127.0.0.1", int(port))))
tell("a unix socket", lambda: connect(socket.AF_UNIX, socket_path))
tell("an abstract unix socket", lambda: connect(socket.AF_UNIX, "\0" + abstract))
tell("DNS", lambda: socket.getaddrinfo("localhost.localdomain", 80))
tell("another process", others)
tell("process 1 ended", kill_all)
tell("memory of process 1", lambda: open("/proc/1/mem", "rb").read(1))
tell("a shell", lambda: subprocess.run(["/bin/sh", "-c", "id"], capture_output=True).stdout)
tell("a user namespace", lambda: call(272, 0x10000000))
tell("a mount", lambda: call(165, b"none", b"/tmp", b"tmpfs", 0, 0))
tell("ptrace", lambda: call(101, 16, 1, 0, 0))
tell("io_uring", lambda: call(425, 8, ctypes.create_string_buffer(512)))
tell("BPF", lambda: call(321, 0, ctypes.create_string_buffer(64), 64))
tell("keyctl", lambda: call(250, 0, -3, 1, 0, 0))
tell("perf", lambda: call(298, ctypes.create_string_buffer(128), 0, -1, -1, 0))
tell("userfaultfd", lambda: call(323, 0))
tell("setuid", lambda: os.setuid(0))
tell("a symbolic link out", lambda: (os.symlink(secret, "/tmp/l"), open("/tmp/l").read()))
tell("a kernel setting", lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/x"))
for name in os.listdir("/proc/self/fd"):
    try:
        target = os.readlink("/proc/self/fd/" + name)
        report.write(f"descriptor {name} {target}\n")
    except OSError:
        pass
for name, value in os.environ.items():
    report.write(f"environment {name}={value}\n")
report.write("end\n")
