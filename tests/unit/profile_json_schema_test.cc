// profiles/profile.schema.json and the loader know the same keys.
#include <algorithm>
#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/policy/profile_schema.h"
#include "launcher/profile_schema_command.h"

namespace {

using namespace writ;
namespace json = boost::json;

const json::value& schema() {
  static const json::value parsed = json::parse(std::string(profile_schema_text()));
  return parsed;
}

// Follows "$ref": "#/$defs/name".
const json::object& resolved(const json::value& value) {
  const json::object& object = value.as_object();
  const json::value* reference = object.if_contains("$ref");
  if (reference == nullptr) return object;
  const std::string pointer(reference->as_string().c_str());
  return resolved(schema().at("$defs").at(pointer.substr(pointer.rfind('/') + 1)));
}

void add_properties(const json::object& object, const std::string& section, std::vector<std::string>& keys) {
  const json::value* properties = object.if_contains("properties");
  if (properties == nullptr) return;
  for (const auto& [name, value] : properties->as_object()) {
    const std::string key = section + (section.empty() ? "" : ".") + std::string(name);
    keys.push_back(key);
    const json::object& inner = resolved(value);
    if (!section.empty()) continue;
    add_properties(inner, key, keys);
    if (const json::value* items = inner.if_contains("items")) add_properties(resolved(*items), key, keys);
  }
}

std::vector<std::string> keys_of_schema() {
  std::vector<std::string> keys;
  add_properties(schema().as_object(), "", keys);
  for (const json::value& list : schema().at("properties").at("reset").at("items").at("enum").as_array())
    keys.push_back("reset=" + std::string(list.as_string().c_str()));
  return keys;
}

std::vector<std::string> sorted(std::vector<std::string> keys) {
  std::sort(keys.begin(), keys.end());
  return keys;
}

// What `a` has and `b` lacks, on one line.
std::string missing(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  std::string text;
  for (const std::string& key : a)
    if (std::find(b.begin(), b.end(), key) == b.end()) text += key + " ";
  return text;
}

TEST_CASE("the JSON Schema has every key of the loader, and no other", "[profile_json_schema]") {
  const auto of_loader = sorted(known_profile_keys());
  const auto of_schema = sorted(keys_of_schema());
  CHECK(missing(of_loader, of_schema).empty());
  CHECK(missing(of_schema, of_loader).empty());
  CHECK(of_loader.size() > 60);
}

TEST_CASE("every object of the JSON Schema is closed, and every key of a profile described", "[profile_json_schema]") {
  for (const auto& [name, value] : schema().at("properties").as_object()) {
    INFO(std::string(name));
    CHECK(value.as_object().contains("description"));
    if (value.as_object().contains("properties")) CHECK_FALSE(value.at("additionalProperties").as_bool());
  }
  CHECK_FALSE(schema().at("additionalProperties").as_bool());
}

}  // namespace
