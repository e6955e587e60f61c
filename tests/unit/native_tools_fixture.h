// A broker in memory for the native tools: a tree of files, their refusals, and a record of what was asked.
#ifndef WRIT_TESTS_UNIT_NATIVE_TOOLS_FIXTURE_H_
#define WRIT_TESTS_UNIT_NATIVE_TOOLS_FIXTURE_H_

#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include "tools/native/reply_reading.h"
#include "tools/native/sha256.h"
#include "tools/native/tool_table.h"

namespace writ::native_tools_tests {

using namespace writ::tools;

// A descriptor of its own for `bytes`, at the start.
inline UniqueFd descriptor_of(std::string_view bytes) {
  UniqueFd memory(::memfd_create("fake file", MFD_CLOEXEC));
  if (::pwrite(memory.get(), bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("memfd");
  return memory;
}

class FakeBroker : public BrokerDoor {
 public:
  std::map<std::string, std::string> files;     // by path; directories are what is above them
  std::map<std::string, FailureCode> refusals;  // by path, whatever is asked of it
  std::map<std::string, std::string> links;     // path → target; listed, never followed
  std::map<std::string, std::function<DoorResult<Reply>(const JsonObject&)>> answers;  // for other requests
  std::function<void()> before_write;  // what another program does between reading and writing
  std::vector<std::string> asked;      // "name path"

  DoorResult<Reply> request(std::string_view name, JsonObject arguments) override {
    const JsonValue value(arguments);
    const std::string path = reply_text(value, "path").value_or("");
    asked.push_back(std::string(name) + (path.empty() ? "" : " " + path));
    if (const auto refusal = refusals.find(path); refusal != refusals.end()) return refused(refusal->second);
    if (const auto answer = answers.find(std::string(name)); answer != answers.end()) return answer->second(arguments);
    if (name == "filesystem.read_text") return read(path, reply_count(value, "max_bytes").value_or(0));
    if (name == "filesystem.open") return open(path);
    if (name == "filesystem.read_directory") return list(path);
    if (name == "filesystem.write_text") return write(path, value);
    return refused(FailureCode::kUnknownName);
  }

  static tl::unexpected<RequestError> refused(FailureCode code) { return tl::unexpected(RequestError{code, "c-1"}); }

  static Reply replied(JsonObject value) {
    Reply reply;
    reply.value = JsonValue(std::move(value));
    return reply;
  }

  [[nodiscard]] std::size_t count_asked(std::string_view start) const {
    std::size_t count = 0;
    for (const std::string& each : asked) count += each.starts_with(start) ? 1U : 0U;
    return count;
  }

 private:
  [[nodiscard]] bool is_directory(const std::string& path) const {
    const std::string prefix = path == "." ? "" : path + "/";
    const auto below = files.lower_bound(prefix);
    return below != files.end() && below->first.starts_with(prefix);
  }

  DoorResult<Reply> read(const std::string& path, std::uint64_t max_bytes) {
    const auto file = files.find(path);
    if (file == files.end()) return refused(is_directory(path) ? FailureCode::kWrongKind : FailureCode::kNotFound);
    if (file->second.size() > max_bytes) return refused(FailureCode::kTooLarge);
    return replied(JsonObject()
                       .set("text", file->second)
                       .set("size", file->second.size())
                       .set("content_sha256", sha256_text(file->second)));
  }

  DoorResult<Reply> open(const std::string& path) {
    const auto file = files.find(path);
    if (file == files.end()) return refused(FailureCode::kNotFound);
    Reply reply = replied(JsonObject().set("size", file->second.size()).set("mode", 0644));
    reply.descriptors.push_back(descriptor_of(file->second));
    return reply;
  }

  DoorResult<Reply> list(const std::string& path) {
    if (files.contains(path)) return refused(FailureCode::kWrongKind);
    if (!is_directory(path)) return refused(FailureCode::kNotFound);
    const std::string prefix = path == "." ? "" : path + "/";
    std::map<std::string, std::string> kinds;
    for (const auto* tree : {&files, &links}) {
      for (const auto& [each, content] : *tree) {
        if (!each.starts_with(prefix)) continue;
        const std::string rest = each.substr(prefix.size());
        const std::size_t slash = rest.find('/');
        kinds[rest.substr(0, slash)] = slash != std::string::npos ? "directory" : tree == &links ? "link" : "file";
      }
    }
    JsonArray entries;
    for (const auto& [name, kind] : kinds) entries.add(JsonObject().set("name", name).set("kind", kind).set("size", 0));
    return replied(JsonObject().set("entries", std::move(entries)).set("complete", true));
  }

  DoorResult<Reply> write(const std::string& path, const JsonValue& arguments) {
    if (before_write) before_write();
    const auto file = files.find(path);
    const std::string now = file == files.end() ? "missing" : sha256_text(file->second);
    const std::string expected = reply_text(arguments, "expected_content_sha256").value_or(now);
    if (expected != now) return refused(FailureCode::kConflict);
    if (file != files.end() && !reply_flag(arguments, "overwrite")) return refused(FailureCode::kExists);
    const bool created = file == files.end();
    const std::string text = reply_text(arguments, "text").value();
    files[path] = text;
    return replied(
        JsonObject().set("size", text.size()).set("content_sha256", sha256_text(text)).set("created", created));
  }
};

// Arguments as a caller writes them.
inline JsonValue json(std::string_view text) { return parse_json(text).value(); }

// "ok", or the word of the failure's code.
inline std::string outcome(const ToolResult<JsonValue>& result) {
  return result ? "ok" : std::string(failure_code_name(result.error().code));
}

inline std::string message(const ToolResult<JsonValue>& result) { return result ? "" : result.error().message; }

}  // namespace writ::native_tools_tests

#endif  // WRIT_TESTS_UNIT_NATIVE_TOOLS_FIXTURE_H_
