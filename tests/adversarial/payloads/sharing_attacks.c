// 56, 57 and 79: memory, queues and personalities that could be shared with another sandbox or the host.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/personality.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/adversarial/payloads/attack.h"

// arguments: make | read | remove, key, text
static int system_v_memory(int argc, char** argv) {
  (void)argc;
  const key_t key = (key_t)strtol(argv[1], NULL, 0);
  const int id = shmget(key, 4096, strcmp(argv[0], "make") == 0 ? IPC_CREAT | 0666 : 0666);
  if (id < 0) return stopped(errno);
  if (strcmp(argv[0], "remove") == 0) return judge(shmctl(id, IPC_RMID, NULL), "removed");
  char* memory = shmat(id, NULL, 0);
  if (memory == (void*)-1) return stopped(errno);
  if (strcmp(argv[0], "make") == 0) {
    strcpy(memory, argv[2]);
    return escaped("made a segment");
  }
  return strcmp(memory, argv[2]) == 0 ? escaped("read the segment") : stopped(ENOENT);
}

struct note {
  long type;
  char text[64];
};

static int system_v_queue(int argc, char** argv) {
  (void)argc;
  const key_t key = (key_t)strtol(argv[1], NULL, 0);
  const int id = msgget(key, strcmp(argv[0], "make") == 0 ? IPC_CREAT | 0666 : 0666);
  if (id < 0) return stopped(errno);
  struct note note = {1, {0}};
  if (strcmp(argv[0], "remove") == 0) return judge(msgctl(id, IPC_RMID, NULL), "removed");
  if (strcmp(argv[0], "make") == 0) {
    snprintf(note.text, sizeof note.text, "%s", argv[2]);
    return judge(msgsnd(id, &note, sizeof note.text, IPC_NOWAIT), "sent");
  }
  return judge(msgrcv(id, &note, sizeof note.text, 0, IPC_NOWAIT), "received");
}

static int posix_queue(int argc, char** argv) {
  (void)argc;
  if (strcmp(argv[0], "remove") == 0) return judge(mq_unlink(argv[1]), "removed");
  const int make = strcmp(argv[0], "make") == 0;
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = 64};
  const mqd_t queue =
      make ? mq_open(argv[1], O_RDWR | O_CREAT, 0666, &attributes) : mq_open(argv[1], O_RDONLY | O_NONBLOCK);
  if (queue == (mqd_t)-1) return stopped(errno);
  char text[64] = {0};
  if (make) return judge(mq_send(queue, argv[2], strlen(argv[2]), 0), "sent");
  return judge(mq_receive(queue, text, sizeof text, NULL), "received");
}

static int shared_memory_file(int argc, char** argv) {
  (void)argc;
  if (strcmp(argv[0], "remove") == 0) return judge(shm_unlink(argv[1]), "removed");
  const int make = strcmp(argv[0], "make") == 0;
  const int memory = make ? shm_open(argv[1], O_RDWR | O_CREAT, 0666) : shm_open(argv[1], O_RDONLY, 0);
  if (memory < 0) return stopped(errno);
  if (make) return judge(write(memory, argv[2], strlen(argv[2])), "made");
  return judge_content(memory, argv[2]);
}

// 54, 57: argument: the persona in hexadecimal [high]
static int change_personality(int argc, char** argv) {
  const unsigned long high = argc > 1 && strcmp(argv[1], "high") == 0 ? 0xdead00000000ul : 0;
  return judge(syscall(SYS_personality, high | strtoul(argv[0], NULL, 16)), "changed its personality");
}

static int host_name(int argc, char** argv) {
  (void)argc, (void)argv;
  return judge(sethostname("changed", 7), "changed the host name");
}

const struct attack sharing_attacks[] = {{"sysv-memory", system_v_memory, 3},
                                         {"sysv-queue", system_v_queue, 3},
                                         {"posix-queue", posix_queue, 3},
                                         {"shared-memory", shared_memory_file, 3},
                                         {"personality", change_personality, 1},
                                         {"host-name", host_name, 0},
                                         {NULL, NULL, 0}};
