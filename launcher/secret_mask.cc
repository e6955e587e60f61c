#include "launcher/secret_mask.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "launcher/secret_forms.h"

namespace writ {
namespace {

std::uint32_t key_of(const char* bytes) {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[0])) |
         static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[1])) << 8 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[2])) << 16;
}

// 16 bits.
std::uint32_t hash_of(std::uint32_t key) { return (key * 2654435761U) >> 16; }

}  // namespace

void SecretMask::add(std::string pattern) {
  const std::uint32_t key = key_of(pattern.data());
  const std::uint32_t hash = hash_of(key);
  keys_[hash / 64] |= std::uint64_t{1} << (hash % 64);
  by_key_[key].push_back(static_cast<std::uint32_t>(patterns_.size()));
  patterns_.push_back(std::move(pattern));
}

Result<SecretMask> SecretMask::create(std::span<const std::string> secrets) {
  SecretMask mask;
  std::vector<std::string> forms;
  for (const std::string& secret : secrets) {
    if (secret.size() < kShortestSecret)
      return fail("a secret of fewer than " + std::to_string(kShortestSecret) + " bytes cannot be masked",
                  "it would be found everywhere");
    if (secret.size() > kLongestSecret)
      return fail("a secret of more than " + std::to_string(kLongestSecret) + " bytes cannot be masked");
    for (std::string& form : secret_forms(secret)) forms.push_back(std::move(form));
  }
  std::sort(forms.begin(), forms.end(), [](const std::string& one, const std::string& other) {
    return one.size() != other.size() ? one.size() > other.size() : one < other;
  });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  for (std::string& form : forms) mask.add(std::move(form));
  return mask;
}

bool SecretMask::may_begin(const char* bytes) const {
  const std::uint32_t hash = hash_of(key_of(bytes));
  return (keys_[hash / 64] >> (hash % 64) & 1) != 0;
}

SecretMask::Found SecretMask::look(std::string_view rest) const {
  Found found;
  const auto consider = [&](const std::string& pattern) {
    const std::size_t common = std::min(pattern.size(), rest.size());
    if (std::memcmp(pattern.data(), rest.data(), common) != 0) return;
    if (common < pattern.size()) found.is_undecided = true;
    if (common == pattern.size()) found.length = std::max(found.length, common);
  };
  if (rest.size() < kKeySize) {
    for (const std::string& pattern : patterns_) consider(pattern);
    return found;
  }
  if (!may_begin(rest.data())) return found;
  const auto listed = by_key_.find(key_of(rest.data()));
  if (listed == by_key_.end()) return found;
  for (const std::uint32_t number : listed->second) consider(patterns_[number]);
  return found;
}

std::string SecretMask::masked(std::string_view text) const {
  std::string out;
  MaskedStream stream(*this);
  stream.write(text, out);
  stream.finish(out);
  return out;
}

void MaskedStream::process(std::string_view bytes, Ending ending, std::string& out) {
  if (mask_->empty()) {
    out.append(bytes);
    return;
  }
  kept_.append(bytes);
  const std::string_view text = kept_;
  std::size_t at = 0;
  std::size_t shown = 0;  // everything before is in `out`, or is what a *** stands for
  std::optional<std::size_t> covered = covered_;
  const auto show_until = [&](std::size_t end) {
    const std::size_t from = std::max(shown, covered.value_or(0));
    if (end > from) out.append(text.substr(from, end - from));
    shown = end;
  };
  for (; at < text.size(); ++at) {
    // What cannot begin a pattern is most of every text.
    if (text.size() - at >= SecretMask::kKeySize && !mask_->may_begin(text.data() + at)) continue;
    const SecretMask::Found found = mask_->look(text.substr(at));
    if (found.is_undecided && ending == Ending::kNo) break;
    if (found.length == 0) continue;
    if (!covered || at > *covered) {
      show_until(at);
      out.append(kMaskText);
      covered = at;
    }
    covered = std::max(*covered, at + found.length);
  }
  show_until(at);
  if (covered) covered_ = *covered >= at ? std::optional(*covered - at) : std::nullopt;
  kept_.erase(0, at);
}

}  // namespace writ
