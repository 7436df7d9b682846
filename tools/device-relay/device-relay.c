/*
 * Hands messages from a unix socket to a device that answers to an ioctl, and its answers back: for /dev/nsm of an AWS
 * Nitro enclave and /dev/sev-guest of an AMD SEV-SNP guest. Runs beside the enclave, in the same image, and is measured
 * with it. It reads nothing of what it carries. See docs/collecting.md, "Relays".
 *
 *   cc -O2 -Wall -o device-relay device-relay.c
 *   device-relay nsm /dev/nsm /run/cloister/nsm.sock
 *   device-relay sev-guest /dev/sev-guest /run/cloister/sev-guest.sock
 *
 * A message and an answer are each four bytes of length, big-endian, and that many bytes. One connection at a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { messageBytesMax = 0x3000, waitSeconds = 10 };
/* struct snp_report_req, snp_report_resp, snp_derived_key_req, snp_derived_key_resp. */
enum { reportRequestBytes = 96, reportBytes = 4000, keyRequestBytes = 32, keyBytes = 64 };

/* Spec: Linux include/uapi/linux/nsm.h. */
struct nsmVector { uint64_t address, length; };
struct nsmMessage { struct nsmVector request, response; };
#define NSM_CALL _IOWR(0x0A, 0x0, struct nsmMessage)

/* Spec: Linux include/uapi/linux/sev-guest.h. */
struct guestRequest { uint8_t version; uint64_t request, response, exitInfo; };
#define SNP_GET_REPORT_CALL _IOWR('S', 0x0, struct guestRequest)
#define SNP_GET_DERIVED_KEY_CALL _IOWR('S', 0x1, struct guestRequest)

static long askNsm(int device, uint8_t *message, size_t size, uint8_t *answer) {
  struct nsmMessage call = {
    {(uint64_t)(uintptr_t)message, size}, {(uint64_t)(uintptr_t)answer, messageBytesMax}};
  if (ioctl(device, NSM_CALL, &call) != 0) return -1;
  return call.response.length <= messageBytesMax ? (long)call.response.length : -1;
}

static long askSevGuest(int device, uint8_t *message, size_t size, uint8_t *answer) {
  struct guestRequest call = {1, (uint64_t)(uintptr_t)message, (uint64_t)(uintptr_t)answer, 0};
  memset(answer, 0, reportBytes);
  if (size == reportRequestBytes)
    return ioctl(device, SNP_GET_REPORT_CALL, &call) == 0 ? reportBytes : -1;
  if (size == keyRequestBytes)
    return ioctl(device, SNP_GET_DERIVED_KEY_CALL, &call) == 0 ? keyBytes : -1;
  errno = EINVAL;
  return -1;
}

static int readAll(int from, uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t count = read(from, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return -1;
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

static int writeAll(int to, const uint8_t *bytes, size_t size) {
  while (size > 0) {
    ssize_t count = write(to, bytes, size);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return -1;
    bytes += count;
    size -= (size_t)count;
  }
  return 0;
}

typedef long (*Ask)(int, uint8_t *, size_t, uint8_t *);

static void serve(int connection, int device, Ask ask) {
  static uint8_t message[messageBytesMax], answer[4 + messageBytesMax];
  uint8_t head[4];
  while (readAll(connection, head, sizeof head) == 0) {
    size_t size = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
    if (size > messageBytesMax || readAll(connection, message, size) != 0) return;
    long length = ask(device, message, size, answer + 4);
    if (length < 0) {
      perror("device-relay: the device");
      return;
    }
    for (int place = 0; place < 4; place++) answer[place] = (uint8_t)(length >> (24 - 8 * place));
    int written = writeAll(connection, answer, 4 + (size_t)length);
    memset(answer, 0, sizeof answer); /* It may have been a key. */
    if (written != 0) return;
  }
}

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(int count, char **given) {
  Ask ask = count == 4 && strcmp(given[1], "nsm") == 0         ? askNsm
            : count == 4 && strcmp(given[1], "sev-guest") == 0 ? askSevGuest
                                                               : NULL;
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (ask == NULL || strlen(given[3]) >= sizeof address.sun_path) {
    fputs("Usage: device-relay nsm|sev-guest DEVICE SOCKET\n", stderr);
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  int device = open(given[2], O_RDWR | O_CLOEXEC);
  if (device < 0) fail(given[2]);
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  strcpy(address.sun_path, given[3]);
  unlink(given[3]);
  umask(0177); /* Whoever can open the socket has evidence signed. */
  if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(listener, 16) != 0)
    fail(given[3]);
  for (;;) {
    int connection = accept(listener, NULL, NULL);
    if (connection < 0) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      fail("device-relay: accept");
    }
    struct timeval wait = {.tv_sec = waitSeconds};
    setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    serve(connection, device, ask);
    close(connection);
  }
}
