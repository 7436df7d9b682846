// One attempt to tell the input to somebody, named by the first argument.
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const char *answer = "/out/answer.json";

static void fine(void) {
  FILE *file = fopen(answer, "w");
  if (file) fputs("1", file), fclose(file);
}

int main(int count, char **words) {
  unsigned char secret[32];
  char hex[65];
  FILE *in = fopen("/in/00-table", "rb");
  if (count < 2 || !in || fread(secret, 1, 32, in) != 32) return 9;
  for (int at = 0; at < 32; at++) sprintf(hex + 2 * at, "%02x", secret[at]);
  if (!strcmp(words[1], "link")) return symlink(hex, answer) ? 8 : 0;
  if (!strcmp(words[1], "hard-link")) {
    link("/in/00-table", answer);
    linkat(fileno(in), "", -100, answer, 0x1000); // AT_EMPTY_PATH
    return 0;
  }
  if (!strcmp(words[1], "fifo")) {
    mkfifo(answer, 0600);
    return 0;
  }
  if (!strcmp(words[1], "device")) {
    mknod(answer, S_IFCHR | 0600, makedev(1, secret[0]));
    return 0;
  }
  if (!strcmp(words[1], "signal")) {
    static const int ends[] = {SIGTERM, SIGINT, SIGUSR1, SIGUSR2, SIGHUP, SIGALRM, SIGSEGV, SIGFPE};
    fine();
    kill(getpid(), ends[secret[0] % 8]);
    raise(ends[secret[0] % 8]);
    abort();
  }
  if (!strcmp(words[1], "core")) {
    struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &all);
    prctl(PR_SET_DUMPABLE, 1);
    chdir("/out");
    fine();
    abort();
  }
  if (!strcmp(words[1], "title")) {
    prctl(PR_SET_NAME, hex);
    memcpy(words[0], hex, strlen(words[0]));
    fine();
    usleep(200000);
    return 0;
  }
  return 7;
}
