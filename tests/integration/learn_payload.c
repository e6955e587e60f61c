/* A program that makes observing hard: threads, a path that changes while it is looked at, bad pointers, a storm of
 * signals, callers that are killed in the middle of a call. Prints what an undisturbed kernel would have answered. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <errno.h>

static const char *home;
static char buffer[4096];
static volatile int stop;
static char one[512], two[512];

static void *flip(void *unused) {
  (void)unused;
  while (!stop) { strcpy(buffer, one); strcpy(buffer, two); }
  return NULL;
}
static void *opens(void *unused) {
  (void)unused;
  for (int i = 0; i < 2000; i++) { int fd = open(one, O_RDONLY); if (fd >= 0) close(fd); }
  return NULL;
}
static void on_alarm(int s) { (void)s; }

int main(void) {
  home = getenv("HOME");
  snprintf(one, sizeof one, "%s/allowed.txt", home);
  snprintf(two, sizeof two, "%s/.ssh/id_rsa", home);
  /* threads */
  pthread_t t[8];
  for (int i = 0; i < 8; i++) pthread_create(&t[i], NULL, opens, NULL);
  for (int i = 0; i < 8; i++) pthread_join(t[i], NULL);
  /* a path that flips between a harmless file and a secret */
  pthread_t f; pthread_create(&f, NULL, flip, NULL);
  int read_secret = 0;
  for (int i = 0; i < 5000; i++) {
    int fd = open(buffer, O_RDONLY);
    char c[6] = {0};
    if (fd >= 0) { if (read(fd, c, 5) > 0 && !strncmp(c, "a key", 5)) read_secret++; close(fd); }
  }
  stop = 1; pthread_join(f, NULL);
  printf("secrets read: %d\n", read_secret);
  /* unmapped pages, bad pointers, a text at the end of a page */
  char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(page + 4096, 4096);
  char *end = page + 4096 - strlen(one) - 1;
  strcpy(end, one);
  int fd = open(end, O_RDONLY);
  printf("end of page: %s\n", fd >= 0 ? "opened" : strerror(errno));
  memset(page, 'x', 4096);
  errno = 0; fd = open(page, O_RDONLY); printf("no end: %d\n", errno == EFAULT || errno == ENAMETOOLONG);
  errno = 0; fd = open((char *)8, O_RDONLY); printf("bad pointer: %d\n", errno == EFAULT);
  errno = 0; syscall(SYS_renameat2, AT_FDCWD, (char *)8, AT_FDCWD, (char *)16, 0); printf("two bad: %d\n", errno == EFAULT);
  errno = 0; syscall(SYS_openat2, AT_FDCWD, one, (void *)8, 24); printf("bad how: %d\n", errno != 0);
  errno = 0; syscall(SYS_connect, 1, (void *)8, 16); printf("bad address: %d\n", errno != 0);
  /* a signal storm */
  struct sigaction action = {.sa_handler = on_alarm};
  sigaction(SIGALRM, &action, NULL);
  struct itimerval every = {{0, 200}, {0, 200}};
  setitimer(ITIMER_REAL, &every, NULL);
  int opened = 0;
  for (int i = 0; i < 3000; i++) { fd = open(one, O_RDONLY); if (fd >= 0) { opened++; close(fd); } }
  memset(&every, 0, sizeof every); setitimer(ITIMER_REAL, &every, NULL);
  printf("storm: %d\n", opened > 1000);
  /* callers that are killed in the middle of a call */
  for (int i = 0; i < 100; i++) {
    pid_t child = fork();
    if (child == 0) for (;;) { int d = open(one, O_RDONLY); if (d >= 0) close(d); }
    usleep(500); kill(child, SIGKILL); waitpid(child, NULL, 0);
  }
  /* forked and executed descendants */
  for (int i = 0; i < 20; i++) if (fork() == 0) { execlp("cat", "cat", one, (char *)0); _exit(1); }
  while (wait(NULL) > 0) {}
  puts("done");
  return 0;
}
