/* libwrit-client: how a program inside of a Writ sandbox asks its broker for what it cannot reach itself.
 *
 * A program under Writ has no authority of its own; what it may have besides its view, it asks for over a socket that
 * it was started with. docs/protocol.md describes the protocol and the requests.
 *
 *   struct writ_error error;
 *   writ_client *client = writ_client_open(-1, "my-tool/1", &error);
 *   char *value = NULL;
 *   if (client != NULL && writ_client_request(client, "filesystem.stat", "{\"path\": \"notes\"}", &value, NULL, NULL,
 *                                             &error) == 0)
 *     puts(value);
 *   writ_client_free(value);
 *   writ_client_close(client);
 *
 * Results: 0, or -1 (NULL for writ_client_open) with the reason in *error. An `error` may be NULL. After an error all
 * results are NULL or 0.
 * Ownership: texts that a function gives back belong to the caller, who frees them with writ_client_free(). Descriptors
 * that it gives back belong to the caller, are closed on exec, and are closed with close(2). Arguments are only read.
 * Threads: different clients may be used by different threads; one client by one thread at a time.
 * Fork: a child must not use the client of its parent, and leaves with _exit or exec.
 * Errors: after "protocol", "closed" and "system" the connection is closed, and every further call says "closed".
 */
#ifndef WRIT_TOOLS_CLIENT_WRIT_CLIENT_H_
#define WRIT_TOOLS_CLIENT_WRIT_CLIENT_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Most descriptors that come with one reply. */
#define WRIT_CLIENT_DESCRIPTORS 4

typedef struct writ_client writ_client; /* NOLINT(modernize-use-using): C has no other word */

/* Zero-terminated texts.
 * code: one of the refusals, a closed list: invalid_arguments, unknown_name, denied, not_found, exists, conflict,
 *   too_large, wrong_kind, limit, timed_out, cancelled, unavailable, failed; or "protocol" (the broker broke the
 *   protocol), "closed" (there is no connection any more), "system" (a system call failed, or there is no memory).
 * correlation: of a refusal, the number under which the broker's log has it; empty where the error was found here.
 * message: a sentence about what was found here; empty for a refusal, of which the broker says nothing else. */
struct writ_error {
  char code[64];
  char correlation[72];
  char message[512];
};

/* Connects to the broker: says hello and waits for the welcome. `fd` is a socket to the broker, which belongs to the
 * client from now on, also where this fails; -1 takes the one that the environment names in WRIT_BROKER_FD. `name` is
 * what the broker's log calls this program, printable ASCII of at most 128 bytes; NULL stands for "writ-client/1".
 * Errors: "system": WRIT_BROKER_FD names no descriptor; "protocol", "closed". */
writ_client* writ_client_open(int fd, const char* name, struct writ_error* error);

/* Closes the connection and frees the client. NULL is allowed. */
void writ_client_close(writ_client* client);

/* Makes a request and waits for its answer. `arguments_json` is a JSON object; NULL stands for {}. `*value_json`
 * becomes the value as JSON text; NULL where the caller does not want it. `descriptors` has room for
 * `*descriptor_count` descriptors, at least WRIT_CLIENT_DESCRIPTORS; the count becomes that of those that came. Where
 * both are NULL, descriptors that come are closed.
 * Errors: every code. */
int writ_client_request(writ_client* client, const char* name, const char* arguments_json, char** value_json,
                        int* descriptors, size_t* descriptor_count, struct writ_error* error);

/* Waits for the call of this tool: `*tool` becomes its name, `*arguments_json` its arguments, a JSON object, `*id` what
 * the answer names. There is one call for each connection; it may come while a request waits, and is kept until then.
 * Errors: "closed": the broker closed the connection, there will be none; "protocol", "system". */
int writ_client_next_call(writ_client* client, char** tool, char** arguments_json, uint64_t* id,
                          struct writ_error* error);

/* Answers the call with a value, which is JSON text. No request can be made afterwards.
 * Errors: "invalid_arguments": no JSON, or there is no such call; "too_large"; these leave the call to be answered. */
int writ_client_finish(writ_client* client, uint64_t id, const char* value_json, struct writ_error* error);

/* Answers the call with a failure. `code` is a word of small letters, digits and underscores of at most 64 bytes;
 * `message` is for the caller of the tool, UTF-8, of at most 4,096 bytes; what is longer is cut.
 * Errors: as writ_client_finish(). */
int writ_client_fail(writ_client* client, uint64_t id, const char* code, const char* message, struct writ_error* error);

/* Frees a text that a function of this library gave back. NULL is allowed. */
void writ_client_free(char* text);

#ifdef __cplusplus
}
#endif

#endif /* WRIT_TOOLS_CLIENT_WRIT_CLIENT_H_ */
