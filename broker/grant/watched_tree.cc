#include "broker/grant/watched_tree.h"

#include <strings.h>

#include <algorithm>

namespace writ {
namespace {

NameNode& child_named(NameNode& parent, const std::string& component) {
  for (const auto& child : parent.children) {
    if (child->component == component) return *child;
  }
  auto child = std::make_unique<NameNode>();
  child->component = component;
  child->name = parent.name.empty() ? component : parent.name + "/" + component;
  parent.children.push_back(std::move(child));
  return *parent.children.back();
}

}  // namespace

Status add_protected_name(NameNode& root, const std::string& name) {
  WRIT_ASSIGN(const std::vector<std::string> components, split_relative_name(name));
  NameNode* node = &root;
  for (const std::string& component : components) {
    if (node->is_protected) return {};  // the name above covers this one
    node = &child_named(*node, component);
  }
  node->is_protected = true;
  node->children.clear();
  return {};
}

bool concerns_child(const NameNode& node, std::string_view name) {
  return std::any_of(node.children.begin(), node.children.end(), [&](const auto& child) {
    return child->component.size() == name.size() &&
           ::strncasecmp(child->component.data(), name.data(), name.size()) == 0;
  });
}

}  // namespace writ
