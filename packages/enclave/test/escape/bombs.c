// One bomb by its name. Whatever survives writes "survived" to /out/report.txt.
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *text, long number) {
  FILE *file = fopen("/out/report.txt", "w");
  fprintf(file, "%s %ld\n", text, number);
  fclose(file);
}

int main(int count, char **words) {
  const char *bomb = words[1];
  if (!strcmp(bomb, "forks")) {
    long made = 0;
    for (; made < 100000; made++) {
      pid_t child = fork();
      if (child < 0) break;
      if (child == 0) pause();
    }
    report("forks", made);
  } else if (!strcmp(bomb, "fork-tree")) {
    for (;;) fork();
  } else if (!strcmp(bomb, "memory")) {
    for (long size = 0; size < 4L << 30; size += 1 << 20) memset(malloc(1 << 20), 1, 1 << 20);
    report("survived", 0);
  } else if (!strcmp(bomb, "memory-of-many")) {
    for (int child = 0; child < 8; child++)
      if (fork() == 0) {
        for (long size = 0; size < 128L << 20; size += 1 << 20) memset(malloc(1 << 20), 1, 1 << 20);
        pause();
      }
    sleep(20);
    report("survived", 0);
  } else if (!strcmp(bomb, "processor-of-many")) {
    for (int child = 0; child < 8; child++)
      if (fork() == 0) for (;;);
    sleep(20);
    report("survived", 0);
  } else if (!strcmp(bomb, "deaf")) {
    for (int number = 1; number < 65; number++) signal(number, SIG_IGN);
    for (;;);
  } else if (!strcmp(bomb, "daemon")) {
    if (fork() == 0) {
      setsid();
      if (fork() == 0) for (;;) sleep(1);
      _exit(0);
    }
    report("left", 0);
  } else if (!strcmp(bomb, "disk")) {
    long written = 0;
    char *block = calloc(1, 1 << 20);
    const char *places[] = {"/tmp/x", "/out/x", "/dev/shm/x"};
    for (int place = 0; place < 3; place++) {
      int file = open(places[place], O_CREAT | O_WRONLY, 0600);
      for (long put; (put = write(file, block, 1 << 20)) > 0;) written += put;
      close(file);
      unlink(places[place]);
    }
    report("bytes", written);
  } else if (!strcmp(bomb, "sparse")) {
    int file = open("/out/report.txt", O_CREAT | O_WRONLY, 0600);
    return ftruncate(file, 1L << 40);
  } else if (!strcmp(bomb, "pipe")) {
    return mkfifo("/out/report.txt", 0600);
  }
  return 0;
}
