// Tries to get out of the sandbox, one way after another, and writes what came of each to /out/report.txt.
// A line is "OPEN name" or "closed name errno".
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static FILE *report;

static void tell(const char *name, long result) {
  if (result >= 0) fprintf(report, "OPEN %s\n", name);
  else fprintf(report, "closed %s %d\n", name, errno);
}

static long reads(const char *path) {
  char byte;
  int file = open(path, O_RDONLY);
  if (file < 0) return -1;
  long got = read(file, &byte, 1);
  close(file);
  if (got == 0) errno = 0;
  return got > 0 ? 0 : -1;
}

static long writes(const char *path) {
  int file = open(path, O_WRONLY | O_CREAT, 0644);
  if (file < 0) return -1;
  long put = write(file, "1", 1);
  close(file);
  return put > 0 ? 0 : -1;
}

static long tcp(const char *port) {
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
  inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
  int s = socket(AF_INET, SOCK_STREAM, 0);
  return s < 0 ? -1 : connect(s, (struct sockaddr *)&to, sizeof to);
}

static long unixSocket(const char *path, int abstract) {
  struct sockaddr_un to = {.sun_family = AF_UNIX};
  strncpy(to.sun_path + abstract, path, sizeof to.sun_path - 2);
  int s = socket(AF_UNIX, SOCK_STREAM, 0);
  return s < 0 ? -1 : connect(s, (struct sockaddr *)&to, 2 + abstract + strlen(path));
}

static long namespaceOf(int flag) {
  long child = syscall(SYS_clone, flag | SIGCHLD, 0, 0, 0, 0);
  if (child == 0) _exit(0);
  return child;
}

static long anotherProcess(void) {
  DIR *processes = opendir("/proc");
  long seen = 0;
  for (struct dirent *entry; processes && (entry = readdir(processes));)
    if (atoi(entry->d_name) > 0) seen++;
  if (processes) closedir(processes);
  return seen > 2 ? 0 : -1; // The sandbox's first process, and this one.
}

int main(int count, char **words) {
  report = fopen("/out/report.txt", "w");
  const char *secret = words[1], *port = words[2], *socketPath = words[3], *abstract = words[4];
  char buffer[64] = {0};

  tell("the password file of the machine", reads("/etc/passwd"));
  tell("a file of the machine by its path", reads(secret));
  tell("the shadow file", reads("/etc/shadow"));
  tell("the memory of process 1", reads("/proc/1/mem"));
  tell("the kernel's memory", reads("/proc/kcore"));
  tell("the kernel's symbols", reads("/proc/kallsyms"));
  tell("the kernel's log", reads("/proc/kmsg"));
  tell("kernel keys", reads("/proc/keys"));
  tell("a disk", reads("/dev/vda"));
  tell("physical memory", reads("/dev/mem"));
  tell("KVM", open("/dev/kvm", O_RDWR));
  tell("a TEE device", open("/dev/tdx_guest", O_RDWR));
  tell("sysfs", reads("/sys/kernel/notes"));
  tell("control groups", reads("/sys/fs/cgroup/cgroup.controllers"));
  tell("processes of others", anotherProcess());

  tell("a write to the root", writes("/x"));
  tell("a write to the program's folder", writes("/bin/x"));
  tell("a write to the inputs", writes("/in/x"));
  tell("a write over an input", writes("/in/inputs.json"));
  tell("a kernel setting", writes("/proc/sys/kernel/core_pattern"));
  tell("sysrq", writes("/proc/sysrq-trigger"));
  tell("a device file", mknod("/tmp/d", S_IFCHR | 0600, makedev(1, 1)));
  tell("a symbolic link out", symlink(secret, "/tmp/l") < 0 ? -1 : reads("/tmp/l"));
  tell("a path that climbs", reads("/in/../../../../etc/passwd"));
  tell("a root by its descriptor", openat(AT_FDCWD, "/proc/1/root/etc/passwd", O_RDONLY));
  tell("a hard link out", link("/in/inputs.json", "/tmp/h"));

  tell("a TCP connection", tcp(port));
  tell("a datagram", socket(AF_INET, SOCK_DGRAM, 0));
  tell("IPv6", socket(AF_INET6, SOCK_STREAM, 0));
  tell("a raw socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
  tell("a packet socket", socket(AF_PACKET, SOCK_RAW, 0));
  tell("netlink", socket(AF_NETLINK, SOCK_RAW, 0));
  tell("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
  tell("a crypto socket", socket(AF_ALG, SOCK_SEQPACKET, 0));
  tell("a unix socket by its path", unixSocket(socketPath, 0));
  tell("an abstract unix socket", unixSocket(abstract, 1));

  tell("a signal to the starter", kill(getppid() == 0 ? 2 : 0x7ffffffe, 0));
  tell("a signal to everybody", syscall(SYS_pidfd_open, 1, 0));
  tell("tracing", ptrace(PTRACE_ATTACH, 1, 0, 0));
  tell("tracing oneself", ptrace(PTRACE_TRACEME, 0, 0, 0));
  tell("the memory of another", syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0));
  tell("a user namespace", unshare(CLONE_NEWUSER));
  tell("a mount namespace", unshare(CLONE_NEWNS));
  tell("a user namespace for a child", namespaceOf(CLONE_NEWUSER));
  tell("a network namespace for a child", namespaceOf(CLONE_NEWNET));
  tell("another's namespace", syscall(SYS_setns, 0, 0));
  tell("a mount", mount("none", "/tmp", "tmpfs", 0, 0));
  tell("an unmount", umount2("/in", MNT_DETACH));
  tell("a remount for writing", mount(0, "/in", 0, MS_REMOUNT | MS_BIND, 0));
  tell("a new mount by file descriptor", syscall(SYS_fsopen, "tmpfs", 0));
  tell("another root", chroot("/tmp"));
  tell("pivot_root", syscall(SYS_pivot_root, "/tmp", "/tmp"));
  tell("a file by its handle", syscall(SYS_open_by_handle_at, 0, buffer, 0));
  tell("root", setuid(0));
  tell("a capability", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, 21, 0, 0));
  tell("kernel keyring", syscall(SYS_keyctl, 0, -3, 1, 0, 0));
  tell("a key added", syscall(SYS_add_key, "user", "a", "b", 1, -3));
  tell("io_uring", syscall(SYS_io_uring_setup, 8, calloc(1, 512)));
  tell("BPF", syscall(SYS_bpf, 0, buffer, 64));
  tell("performance counters", syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0));
  tell("userfaultfd", syscall(SYS_userfaultfd, 0));
  tell("a kernel module", syscall(SYS_finit_module, 0, "", 0));
  tell("kexec", syscall(SYS_kexec_file_load, 0, 0, 0, 0, 0));
  tell("the clock set", syscall(SYS_clock_settime, 0, buffer));
  tell("a host name", sethostname("x", 1));
  tell("the kernel's log by call", syscall(SYS_syslog, 3, buffer, 64));
  tell("system V shared memory", syscall(SYS_shmget, 1, 4096, 01600));
  tell("a message queue", syscall(SYS_mq_open, "/q", O_CREAT | O_RDWR, 0600, 0));
  tell("an unlimited processor", setrlimit(RLIMIT_CPU, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}));
  tell("more open files", setrlimit(RLIMIT_NOFILE, &(struct rlimit){1 << 20, 1 << 20}));
  tell("locked memory", syscall(SYS_mlockall, 3));
  tell("a better priority", setpriority(PRIO_PROCESS, 0, -10));
  tell("a real-time schedule", sched_setscheduler(0, SCHED_FIFO, &(struct sched_param){1}));
  tell("typing into a terminal", ioctl(0, 0x5412, "x"));
  tell("which pages are cached", syscall(SYS_mincore, 0, 4096, buffer));
  tell("a fanotify watch", syscall(SYS_fanotify_init, 0, 0));
  tell("quotas", syscall(SYS_quotactl, 0, 0, 0, 0));
  tell("swap", syscall(SYS_swapon, "/tmp/x", 0));
  tell("a reboot", syscall(SYS_reboot, 0, 0, 0, 0));

  for (int fd = 3; fd < 256; fd++) {
    char path[64], target[256] = {0};
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (fd != fileno(report) && readlink(path, target, 255) > 0) fprintf(report, "descriptor %d %s\n", fd, target);
  }
  extern char **environ;
  for (char **entry = environ; *entry; entry++) fprintf(report, "environment %s\n", *entry);
  char first[4096] = {0};
  int file = open("/proc/1/environ", O_RDONLY);
  if (file >= 0 && read(file, first, 4095) > 0) fprintf(report, "environment of process 1: %s\n", first);
  fprintf(report, "end\n");
  return fclose(report);
}
