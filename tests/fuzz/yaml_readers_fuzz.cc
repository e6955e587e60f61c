// libFuzzer target: what the reader for plain YAML accepts, yaml-cpp must accept as the same tree with the same
// positions.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "broker/policy/yaml_document.h"
#include "broker/policy/yaml_simple.h"

namespace {

bool same(writ::YamlPosition a, writ::YamlPosition b) { return a.line == b.line && a.column == b.column; }

bool same(const writ::YamlNode& a, const writ::YamlNode& b) {
  if (a.kind != b.kind || a.quoting != b.quoting || a.text != b.text || a.key != b.key) return false;
  if (!same(a.position, b.position) || !same(a.key_position, b.key_position)) return false;
  if (a.children.size() != b.children.size()) return false;
  for (std::size_t i = 0; i < a.children.size(); ++i)
    if (!same(a.children[i], b.children[i])) return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto simple = writ::parse_yaml("fuzz.yaml", text, writ::YamlReader::kFastest);
  const auto full = writ::parse_yaml("fuzz.yaml", text, writ::YamlReader::kYamlCpp);
  if (simple.has_value() != full.has_value()) std::abort();
  if (simple && !same(simple->root, full->root)) std::abort();
  if (!simple && simple.error().what != full.error().what) std::abort();
  return 0;
}
