// The C interface: turns texts into values and back, and lets no exception out. What it does is in broker_client.cc.
#include "tools/client/writ_client.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/protocol/message.h"
#include "tools/client/broker_client.h"

struct writ_client {
  writ::BrokerClient connection;
};

namespace {

using Outcome = tl::expected<void, writ::RequestError>;

struct CFree {
  void operator()(char* text) const { std::free(text); }
};
using CText = std::unique_ptr<char, CFree>;

void copy_text(std::span<char> out, std::string_view text) {
  const std::size_t size = std::min(text.size(), out.size() - 1);
  std::copy_n(text.begin(), size, out.begin());
  out[size] = '\0';
}

void set_error(writ_error* error, std::string_view code, std::string_view correlation, std::string_view message) {
  if (error == nullptr) return;
  copy_text(error->code, code);
  copy_text(error->correlation, correlation);
  copy_text(error->message, message);
}

tl::unexpected<writ::RequestError> wrong_use(std::string detail) {
  return tl::unexpected(writ::RequestError{"invalid_arguments", {}, std::move(detail)});
}

tl::unexpected<writ::RequestError> passed_on(const writ::Error& error) {
  return tl::unexpected(writ::RequestError{std::string(writ::client_error_code(error)), {}, error.describe()});
}

// Runs `action`; whatever went wrong is in *error then. The only border for exceptions: they would be undefined in C.
template <class Action>
int guarded(writ_error* error, Action action) {
  set_error(error, {}, {}, {});
  try {
    const Outcome outcome = action();
    if (outcome) return 0;
    set_error(error, outcome.error().code, outcome.error().correlation, outcome.error().detail);
  } catch (const std::bad_alloc&) {
    set_error(error, "system", {}, "there is not enough memory");
  } catch (const std::exception& exception) {
    set_error(error, "system", {}, exception.what());
  }
  return -1;
}

// The library of C frees it. JSON text has no zero byte: it is escaped there.
CText c_text(std::string_view text) {
  CText copy(static_cast<char*>(std::malloc(text.size() + 1)));
  if (copy == nullptr) throw std::bad_alloc();
  std::memcpy(copy.get(), text.data(), text.size());
  copy.get()[text.size()] = '\0';
  return copy;
}

void give(char** out, CText text) {
  if (out != nullptr) *out = text.release();
}

void clear(char** out) {
  if (out != nullptr) *out = nullptr;
}

// Descriptors of a reply go to the caller, or are closed with the reply.
void hand_over(std::vector<writ::UniqueFd>& from, int* descriptors, std::size_t* count) {
  if (count == nullptr) return;
  *count = 0;
  for (writ::UniqueFd& descriptor : from) descriptors[(*count)++] = descriptor.release();
}

Outcome request(writ_client* client, const char* name, const char* arguments_json, char** value_json, int* descriptors,
                std::size_t* room, std::size_t* count) {
  if (client == nullptr || name == nullptr) return wrong_use("a request needs a client and a name");
  if ((descriptors == nullptr) != (count == nullptr) || (room != nullptr && *room < WRIT_CLIENT_DESCRIPTORS))
    return wrong_use("a request needs room for 4 descriptors, or none at all");
  auto arguments = writ::decode_payload(arguments_json == nullptr ? "{}" : arguments_json);
  if (!arguments) return wrong_use(arguments.error().describe());
  auto reply = client->connection.request(name, std::move(*arguments));
  if (!reply) return tl::unexpected(std::move(reply.error()));
  give(value_json, value_json == nullptr ? CText() : c_text(reply->value.to_text()));
  hand_over(reply->descriptors, descriptors, count);
  return {};
}

Outcome next_call(writ_client* client, char** tool, char** arguments_json, std::uint64_t* id) {
  if (client == nullptr || id == nullptr) return wrong_use("a call needs a client, and a place for its id");
  auto call = client->connection.next_call();
  if (!call) return passed_on(call.error());
  CText name = c_text(call->tool);
  give(arguments_json, c_text(writ::JsonValue(std::move(call->arguments)).to_text()));
  give(tool, std::move(name));
  *id = call->id;
  return {};
}

Outcome finish(writ_client* client, std::uint64_t id, const char* value_json) {
  if (client == nullptr || value_json == nullptr) return wrong_use("a result needs a client and a value");
  auto value = writ::parse_json(value_json);
  if (!value) return wrong_use(value.error().describe());
  if (auto sent = client->connection.finish(id, std::move(*value)); !sent) return passed_on(sent.error());
  return {};
}

Outcome fail(writ_client* client, std::uint64_t id, const char* code, const char* message) {
  if (client == nullptr || code == nullptr || message == nullptr)
    return wrong_use("a failure needs a client, a code and a message");
  if (auto sent = client->connection.fail(id, code, message); !sent) return passed_on(sent.error());
  return {};
}

Outcome open(int fd, const char* name, writ_client** client) {
  writ::UniqueFd socket(fd);
  if (fd == -1) {
    auto inherited = writ::BrokerClient::inherited_socket();
    if (!inherited) return tl::unexpected(writ::RequestError{"system", {}, inherited.error().describe()});
    socket = std::move(*inherited);
  }
  auto connection = writ::BrokerClient::open(std::move(socket), name == nullptr ? "writ-client/1" : name);
  if (!connection) return passed_on(connection.error());
  *client = new writ_client{std::move(*connection)};
  return {};
}

}  // namespace

writ_client* writ_client_open(int fd, const char* name, writ_error* error) {
  writ_client* client = nullptr;
  (void)guarded(error, [&] { return open(fd, name, &client); });
  return client;
}

void writ_client_close(writ_client* client) { delete client; }

int writ_client_request(writ_client* client, const char* name, const char* arguments_json, char** value_json,
                        int* descriptors, size_t* descriptor_count, writ_error* error) {
  std::size_t room = 0;
  std::size_t* const bounded = descriptor_count == nullptr ? nullptr : &room;
  if (bounded != nullptr) room = std::exchange(*descriptor_count, 0);
  clear(value_json);
  return guarded(
      error, [&] { return request(client, name, arguments_json, value_json, descriptors, bounded, descriptor_count); });
}

int writ_client_next_call(writ_client* client, char** tool, char** arguments_json, uint64_t* id, writ_error* error) {
  clear(tool);
  clear(arguments_json);
  if (id != nullptr) *id = 0;
  return guarded(error, [&] { return next_call(client, tool, arguments_json, id); });
}

int writ_client_finish(writ_client* client, uint64_t id, const char* value_json, writ_error* error) {
  return guarded(error, [&] { return finish(client, id, value_json); });
}

int writ_client_fail(writ_client* client, uint64_t id, const char* code, const char* message, writ_error* error) {
  return guarded(error, [&] { return fail(client, id, code, message); });
}

void writ_client_free(char* text) { std::free(text); }
